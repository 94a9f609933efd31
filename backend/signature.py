"""A model's signature, and the check of a request's names and shapes against it before TensorFlow sees them. Pure.

A wrong rank aborts the whole process inside TensorFlow (a convolution's check failure), so nothing that contradicts
the signature may pass here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from backend.dtypes import name_of
from backend.errors import Code, ServingError, failed_precondition, invalid_argument

DEFAULT_SIGNATURE = "serving_default"
PREDICT_METHOD = "tensorflow/serving/predict"
CLASSIFY_METHOD = "tensorflow/serving/classify"
REGRESS_METHOD = "tensorflow/serving/regress"


@dataclass(frozen=True, slots=True)
class Slot:
    """One input or output: the graph's tensor name, dtype number and shape (-1: any size; None: any rank)."""

    tensor: str
    dtype: int
    shape: tuple[int, ...] | None


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature, its slots in alphabetical order; `defaults` are the aliases that a request may leave out."""

    name: str
    method: str
    inputs: Mapping[str, Slot]
    outputs: Mapping[str, Slot]
    defaults: frozenset[str] = field(default_factory=frozenset)


def pick(signatures: Mapping[str, Signature], name: str, check_method: bool) -> Signature:
    """The signature a Predict call names; an empty name means `serving_default`."""
    wanted = name or DEFAULT_SIGNATURE
    signature = signatures.get(wanted)
    if signature is None:
        raise failed_precondition(f'Serving signature key "{wanted}" not found.')
    return signature if not check_method else _method_checked(signature)


def check_names(signature: Signature, sent: Iterable[str]) -> None:
    """The request sends each input of the signature once and nothing else; defaults may be left out."""
    got, wanted = set(sent), set(signature.inputs)
    if got == wanted:
        return
    if len(got) > len(wanted) or (len(got) < len(wanted) and not signature.defaults):
        raise invalid_argument(
            f"input size does not match signature: {len(got)}!={len(wanted)} "
            f"len({{{_join(got)}}}) != len({{{_join(wanted)}}}). "
            f"Sent extra: {{{_join(got - wanted)}}}. Missing but required: {{{_join(wanted - got)}}}."
        )
    for alias in sorted(wanted - got - signature.defaults):
        raise invalid_argument(
            f"Signature input alias: {alias}(feed name: {signature.inputs[alias].tensor}) not found in request and no "
            f"default value provided. Inputs expected to be in the request {{{_join(got)}}}, "
            f"or default input alias set: {_join(signature.defaults)}"
        )
    if got - wanted:
        raise invalid_argument(
            f"Inputs contains invalid name. Used request inputs: {_join(got & wanted)}, request input: {_join(got)}"
        )


def pick_outputs(signature: Signature, output_filter: Sequence[str]) -> tuple[str, ...]:
    """The aliases to answer with, in alphabetical order; an empty filter means all."""
    if not output_filter:
        return tuple(signature.outputs)
    seen: set[str] = set()
    for alias in output_filter:
        if alias not in signature.outputs:
            raise invalid_argument(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {{{_join(signature.outputs)}}}."
            )
        if alias in seen:
            raise invalid_argument(f"duplicate output tensor alias: {alias}")
        seen.add(alias)
    return tuple(sorted(seen))


def check_tensor(signature: Signature, alias: str, dtype: int, shape: tuple[int, ...]) -> None:
    """The input fits its slot: dtype, rank and every dimension that the signature knows."""
    slot = signature.inputs[alias]
    if dtype != slot.dtype:
        raise invalid_argument(
            f"input {alias} of signature {signature.name} is {name_of(dtype)}; expected {name_of(slot.dtype)}"
        )
    if slot.shape is None:
        return
    fits = len(shape) == len(slot.shape) and all(want in (-1, got) for want, got in zip(slot.shape, shape, strict=True))
    if not fits:
        hint = ""
        if len(shape) + 1 == len(slot.shape) and slot.shape[0] == -1:
            hint = " (is the batch dimension missing?)"
        raise invalid_argument(
            f"input {alias} of signature {signature.name} has shape {_shape(shape)}; "
            f"expected {_shape(slot.shape)}{hint}"
        )


def _method_checked(signature: Signature) -> Signature:
    if signature.method in (PREDICT_METHOD, CLASSIFY_METHOD, REGRESS_METHOD):
        return signature
    raise ServingError(
        Code.INTERNAL,
        "Expected prediction signature method_name to be one of "
        f"{{{PREDICT_METHOD}, {CLASSIFY_METHOD}, {REGRESS_METHOD}}}. Was: {signature.method}",
    )


def _join(names: Iterable[str]) -> str:
    return ",".join(sorted(names))


def _shape(dims: Sequence[int]) -> str:
    return "[" + ",".join("?" if d < 0 else str(d) for d in dims) + "]"
