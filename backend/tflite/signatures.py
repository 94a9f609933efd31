"""The signatures of a TensorFlow Lite model: those stored in it, or one made up from its tensors. Pure."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backend import dtypes
from backend.errors import Code, ServingError, failed_precondition
from backend.signature import DEFAULT_SIGNATURE, PREDICT_METHOD, Signature, Slot

log = logging.getLogger("backend")


@dataclass(frozen=True, slots=True)
class LiteTensor:
    """An input or output of the model's graph. `dtype`: DataType number.

    `shape` is what the file was written for (1 where a size is open), `accepts` what an input takes: its first
    dimension is free, since interpreters are resized; others as the file says (-1: open); None: any rank.
    """

    name: str
    index: int
    dtype: int
    shape: tuple[int, ...]
    accepts: tuple[int, ...] | None


def by_name(tensors: Sequence[LiteTensor], what: str) -> dict[str, LiteTensor]:
    """The tensors by name; `what`: Input or Output. Raises ALREADY_EXISTS."""
    named: dict[str, LiteTensor] = {}
    for tensor in tensors:
        if tensor.name in named:
            raise ServingError(Code.ALREADY_EXISTS, f"{what} tensor name: {tensor.name} has multiple indices")
        named[tensor.name] = tensor
    return named


def signature_defs(
    stored: Mapping[str, Any], inputs: Mapping[str, LiteTensor], outputs: Mapping[str, LiteTensor], empty: Any
) -> dict[str, Any]:
    """SignatureDef messages as GetModelMetadata hands them out, their tensors named as in the model.

    `empty` is a SignatureDef, filled in where the model stores none.

    Raises INTERNAL for a tensor that isn't there, FAILED_PRECONDITION for an input of another dtype.
    """
    if not stored:
        log.warning("No signature def found in TFLite model. Generating one.")
        return {DEFAULT_SIGNATURE: _generated(inputs, outputs, empty)}
    for name, definition in stored.items():
        for alias in sorted(definition.inputs):
            info = definition.inputs[alias]
            info.name = _known(info.name, inputs, f"Signature input {alias}")
            wanted = inputs[info.name].dtype
            if info.dtype != wanted:
                raise failed_precondition(
                    f"Signature input {alias} of {name} is {dtypes.name_of(info.dtype)}; tensor '{info.name}' of the "
                    f"TFLite model is {dtypes.name_of(wanted)}"
                )
        for alias in sorted(definition.outputs):
            info = definition.outputs[alias]
            info.name = _known(info.name, outputs, f"Signature output {alias}")
    return dict(stored)


def signatures(definitions: Mapping[str, Any], inputs: Mapping[str, LiteTensor]) -> dict[str, Signature]:
    """What requests are checked against: names from the messages, dtypes and shapes from the model's own tensors."""
    return {
        name: Signature(
            name=name,
            method=definition.method_name,
            inputs={alias: _slot(inputs[definition.inputs[alias].name]) for alias in sorted(definition.inputs)},
            outputs={
                alias: Slot(definition.outputs[alias].name, definition.outputs[alias].dtype, None)
                for alias in sorted(definition.outputs)
            },
            defaults=frozenset(definition.defaults),
        )
        for name, definition in definitions.items()
    }


def _slot(tensor: LiteTensor) -> Slot:
    return Slot(tensor.name, tensor.dtype, tensor.accepts)


def _generated(inputs: Mapping[str, LiteTensor], outputs: Mapping[str, LiteTensor], definition: Any) -> Any:
    """Aliases are tensor names up to the colon: of outputs `f:0` and `f:1` only the last is left, as there."""
    definition.method_name = PREDICT_METHOD
    for tensors, into in ((inputs, definition.inputs), (outputs, definition.outputs)):
        for name in sorted(tensors):
            tensor = tensors[name]
            info = into[_legacy(name)]
            info.Clear()
            info.name, info.dtype = name, tensor.dtype
            # A scalar's shape is there too, and empty.
            info.tensor_shape.SetInParent()
            for size in tensor.shape:
                info.tensor_shape.dim.add(size=size)
    return definition


def _known(name: str, tensors: Mapping[str, LiteTensor], where: str) -> str:
    """The name as the model has it: early converters left out `:0`."""
    for candidate in (name, _legacy(name)):
        if candidate in tensors:
            return candidate
    raise ServingError(Code.INTERNAL, f"Unknown tensor '{name}'.\n\t{where} references an unknown tensor")


def _legacy(name: str) -> str:
    return name.partition(":")[0]
