"""Load a preprocessing spec and hold it against the model: every problem at once, before anything is built."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from export.errors import BadPreprocessError, Problems
from export.preprocess.chain import State, StepError, after, holds_texts
from export.preprocess.places import near, schema_problems
from export.preprocess.schema import DecodeImage, ExtraSignature, LookUp, Part, RawInput, SpecFile
from export.preprocess.vocabulary import read_vocabulary, vocabulary_problem
from export.preprocess.yaml_text import read_yaml
from export.signature import SERVING_DEFAULT, Signature, TensorInfo

MAX_FILE_BYTES = 4 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class PreparedInput:
    """One raw input: the model's input it becomes, the steps with their vocabularies read, the state before each."""

    target: str
    raw: TensorInfo
    steps: tuple[Part, ...]
    states: tuple[State, ...]  # one more than steps: the last is what the model gets


@dataclass(frozen=True, slots=True)
class PreprocessSpec:
    """A spec that fits its model: by signature name, by the alias that callers use."""

    signatures: Mapping[str, Mapping[str, PreparedInput]]


def read_spec(path: Path) -> SpecFile:
    """Read the file and check its keys and types, for which the model isn't needed.

    Raises: BadPreprocessError with all problems.
    """
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise ValueError(f"larger than {MAX_FILE_BYTES >> 20} MiB; put the vocabulary into a file of its own")
        document = read_yaml(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise BadPreprocessError(f"{path}: can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise BadPreprocessError(f"{path}: isn't UTF-8 text") from error
    except ValueError as error:
        raise BadPreprocessError(f"{path}: {error}") from error
    try:
        return SpecFile.model_validate(document)
    except ValidationError as error:
        raise BadPreprocessError(Problems(str(path), schema_problems(error)).text()) from error


def load_spec(path: Path, signature: Signature) -> PreprocessSpec:
    """Read the file and hold it against the model's signature; vocabulary files lie beside it.

    Raises: BadPreprocessError with all problems: those of keys and types first, then those of meaning.
    """
    spec = read_spec(path)
    problems: list[str] = []
    signatures = {}
    for name, extra in spec.signatures.items():
        if name == SERVING_DEFAULT or not _NAME.fullmatch(name):
            problems.append(
                f"signatures.{name}: a signature's name is made of A-Z a-z 0-9 _, begins with a letter, and isn't "
                f"{SERVING_DEFAULT}, which takes what the model takes"
            )
        signatures[name] = _signature(f"signatures.{name}.inputs", extra, signature, path.parent, problems)
    if problems:
        raise BadPreprocessError(Problems(str(path), problems).text())
    return PreprocessSpec(signatures)


def _signature(
    place: str, extra: ExtraSignature, signature: Signature, folder: Path, problems: list[str]
) -> dict[str, PreparedInput]:
    targets = {alias: raw.for_ or alias for alias, raw in extra.inputs.items()}
    found = {}
    for alias, raw in extra.inputs.items():
        here, target = f"{place}.{alias}", targets[alias]
        if not _NAME.fullmatch(alias):
            problems.append(f"{here}: an input's name is made of A-Z a-z 0-9 _ and begins with a letter")
        if target not in signature.inputs:
            problems.append(f"{here}.for: the model has no input {target!r}{near(target, signature.inputs)}")
            continue
        others = [other for other, one in targets.items() if one == target and other != alias]
        if others:
            problems.append(f"{here}.for: {target!r} is made of {others[0]!r} too; one input makes one")
        elif alias in signature.inputs and alias not in targets.values():
            problems.append(f"{here}: the model's own input {alias!r} passes through under this name; choose another")
        prepared = _input(here, raw, target, signature.inputs[target], folder, problems)
        if prepared is not None:
            found[alias] = prepared
    return found


def _input(
    place: str, raw: RawInput, target: str, wanted: TensorInfo, folder: Path, problems: list[str]
) -> PreparedInput | None:
    """Follow the steps of one input; None when they don't arrive at what the model wants."""
    states = [_first_state(raw, wanted)]
    steps = []
    for number, step in enumerate(raw.steps):
        here = f"{place}.steps[{number}].{step.name}"
        try:
            steps.append(_with_vocabulary(step.body, folder))
        except ValueError as error:
            problems.append(f"{here}: {error}")
        try:
            states.append(after(step.body, states[-1]))
        except StepError as error:
            problems.append(f"{here}: {error}")
            return None  # what comes after would be a guess
    if problem := _last_problem(states[-1], target, wanted):
        problems.append(f"{place}.steps: {problem}")
        return None
    return PreparedInput(target, TensorInfo(states[0].dtype, (None, *states[0].shape)), tuple(steps), tuple(states))


def _first_state(raw: RawInput, wanted: TensorInfo) -> State:
    """What callers send: as the spec says, else as the first step takes it, else as the model does."""
    first = raw.steps[0].body
    dtype, shape = wanted.dtype, wanted.shape[1:]
    if isinstance(first, DecodeImage):
        dtype, shape = "string", ()
    elif isinstance(first, LookUp):
        dtype = "string" if holds_texts(first) else "int64"
    return State(raw.dtype or dtype, shape if raw.shape is None else tuple(raw.shape))


def _with_vocabulary(step: Part, folder: Path) -> Part:
    """Read the file of a look-up into it. Raises: ValueError."""
    if not isinstance(step, LookUp):
        return step
    entries = step.vocabulary if step.file is None else read_vocabulary(folder / step.file, step.entries)
    if problem := vocabulary_problem(entries or ()):
        raise ValueError(problem)
    return step.model_copy(update={"vocabulary": entries})


def _last_problem(state: State, target: str, wanted: TensorInfo) -> str | None:
    """Say how what the steps make contradicts the model's input; None when it fits."""
    model_wants = f"the model's input {target!r} is {wanted}"
    made = TensorInfo(state.dtype, (None, *state.shape))
    if state.is_varying:
        return (
            f"end with images of different sizes, which can't share a batch; add resize or crop_or_pad ({model_wants})"
        )
    fits = len(made.shape) == len(wanted.shape) and all(
        size is None or size == got for got, size in zip(made.shape[1:], wanted.shape[1:], strict=True)
    )
    if not fits:
        return f"end with {made}; {model_wants}: add reshape, expand_dims or resize, or say the raw shape"
    if made.dtype != wanted.dtype:
        return f"end with {made}; {model_wants}: add cast: {{dtype: {wanted.dtype}}}"
    return None
