"""Read the user's data (.npz) and hold it against the model's signature; every problem is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.errors import BadDataError, Problems
from export.runtime import Array, as_rows, shape_problem
from export.signature import Signature

_KINDS = {"b": 0, "u": 1, "i": 1, "f": 2}  # what numpy may be cast to without losing its meaning: upwards only


@dataclass(frozen=True, slots=True)
class Split:
    """Inputs by alias, each (rows, *features) in the signature's dtype, and labels (rows,), whole numbers from 0.

    labels: None where the data has none.
    """

    inputs: Mapping[str, Array]
    labels: npt.NDArray[np.int64] | None


@dataclass(frozen=True, slots=True)
class Data:
    """What to fine-tune on, and what is held out to measure on."""

    train: Split
    test: Split


def load_data(path: Path, signature: Signature) -> Data:
    """Load `x_train, y_train, x_test, y_test`; a model of several inputs has `x_train.ALIAS` for each.

    Both `y_*` may be left out, where outputs aren't classes: versions are then held against float32's answers.
    Raises: BadDataError listing what is missing and what doesn't fit.
    """
    arrays = _read(path)
    problems: list[str] = []
    is_labelled = "y_train" in arrays or "y_test" in arrays
    splits: list[tuple[dict[str, Array], Array | None]] = []
    for part in ("train", "test"):
        inputs = _inputs(arrays, f"x_{part}", signature, problems)
        labels = _labels(arrays, f"y_{part}", problems) if is_labelled else None
        problems += _row_problems(part, inputs, labels)
        _check_classes(f"y_{part}", labels, signature, problems)
        splits.append((inputs, labels))
    if problems:
        raise BadDataError(Problems(str(path), problems).text())
    train, test = (_split(inputs, labels, signature) for inputs, labels in splits)
    return Data(train, test)


def _row_problems(part: str, inputs: dict[str, Array], labels: Array | None) -> list[str]:
    """All arrays of a part have as many rows, one at least."""
    if labels is not None and len(labels) == 0:
        return [f"y_{part} is empty"]
    rows = {alias: len(values) for alias, values in inputs.items() if values.ndim > 0}
    if labels is not None:
        return [
            f"x_{part} ({alias}) has {count} rows, y_{part} has {len(labels)} labels"
            for alias, count in rows.items()
            if count != len(labels)
        ]
    if len(set(rows.values())) > 1:
        return [f"x_{part}: the inputs differ in rows: {', '.join(f'{alias} {n}' for alias, n in rows.items())}"]
    return [f"x_{part} is empty"] if 0 in rows.values() else []


def _split(inputs: dict[str, Array], labels: Array | None, signature: Signature) -> Split:
    rows = {alias: as_rows(inputs[alias], info.dtype) for alias, info in signature.inputs.items()}
    return Split(rows, None if labels is None else labels.astype(np.int64))


def check_data_path(path: Path) -> None:
    """Raises: BadDataError when there is no such file."""
    if not path.is_file():
        raise BadDataError(f"{path}: no such file; wanted an .npz with x_train, y_train, x_test, y_test")


def _read(path: Path) -> dict[str, Array]:
    check_data_path(path)
    try:
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise ValueError("it holds one bare array")
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except Exception as error:  # a damaged archive makes zipfile, zlib or numpy raise whatever they meet
        raise BadDataError(
            f"{path}: can't be read as an .npz: {error}; write it with numpy.savez(x_train=..., y_train=..., ...)"
        ) from error


def _inputs(arrays: dict[str, Array], key: str, signature: Signature, problems: list[str]) -> dict[str, Array]:
    """Find and check the arrays of one part, one per input alias."""
    found = {}
    for alias, info in sorted(signature.inputs.items()):
        name = key if len(signature.inputs) == 1 and key in arrays else f"{key}.{alias}"
        if name not in arrays:
            problems.append(f"{key if len(signature.inputs) == 1 else name} is missing")
            continue
        rows = arrays[name]
        if problem := shape_problem(rows.shape, info.shape):
            problems.append(f"{name}: {problem} of input {alias!r}")
        elif not _castable(rows.dtype, info.dtype):
            problems.append(f"{name}: dtype {rows.dtype} can't stand for {info.dtype} of input {alias!r}")
        elif rows.dtype.kind in "iu" and bool((rows.astype(info.dtype) != rows).any()):
            problems.append(f"{name}: values {rows.min()}..{rows.max()} don't fit {info.dtype} of input {alias!r}")
        elif rows.dtype.kind == "f" and not bool(np.isfinite(rows).all()):
            problems.append(f"{name}: holds NaN or infinity")
        found[alias] = rows
    return found


def _castable(dtype: np.dtype[Any], wanted: str) -> bool:
    """Whether rows of `dtype` may be cast to the signature's: same kind or upwards, never floats to integers."""
    if wanted == "string":
        return dtype.kind in "SU"
    target = "f" if "float" in wanted else ("b" if wanted == "bool" else "i")
    return dtype.kind in _KINDS and _KINDS[dtype.kind] <= _KINDS[target]


def _labels(arrays: dict[str, Array], name: str, problems: list[str]) -> Array | None:
    if name not in arrays:
        problems.append(f"{name} is missing")
        return None
    labels = arrays[name]
    if labels.ndim != 1 or labels.dtype.kind not in "iu":
        problems.append(
            f"{name}: {labels.dtype} {labels.shape}; wanted whole-number classes of shape (rows,); "
            "of a model whose outputs aren't classes leave y_train and y_test out"
        )
        return None
    return labels


def _check_classes(name: str, labels: Array | None, signature: Signature, problems: list[str]) -> None:
    """Labels must be classes the model has, where its one output says how many there are."""
    if labels is None or len(labels) == 0:
        return
    top = _class_count(signature)
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or (top is not None and high >= top):
        problems.append(
            f"{name}: classes {low}..{high}; the model has {f'0..{top - 1}' if top else 'none below 0'}; "
            "of a model whose outputs aren't classes leave y_train and y_test out"
        )


def _class_count(signature: Signature) -> int | None:
    """How many classes the one output has scores for, two for a single score a row; None where it doesn't say."""
    outputs = list(signature.outputs.values())
    if len(outputs) != 1 or len(outputs[0].shape) not in (1, 2) or "float" not in outputs[0].dtype:
        return None
    classes = outputs[0].shape[1] if len(outputs[0].shape) == 2 else 1
    return None if classes is None else max(classes, 2)
