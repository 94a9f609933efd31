"""What the interpreter doesn't tell of a TensorFlow Lite file: stored signatures, and inputs of unknown rank."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from ai_edge_litert import schema_py_generated as schema
from flatbuffers import flexbuffers
from google.protobuf.message import DecodeError

from backend.errors import invalid_argument

# tensorflow/lite/tools/signature/signature_def_util.h
METADATA_NAME = b"signature_defs_metadata"
# What flatbuffers' readers raise for offsets that lead nowhere.
_UNREADABLE = (struct.error, IndexError, ValueError, TypeError, OverflowError)


def stored_signatures(content: bytes, parse: Callable[[bytes], Any]) -> dict[str, Any]:
    """The SignatureDef messages by signature name, each made by `parse`; empty where the file has none.

    They are TensorFlow Serving's only source of aliases: a flexbuffers map of serialized messages in the model's
    metadata. The converter's own table of signatures isn't read there, and so not here. Raises INVALID_ARGUMENT.
    """
    try:
        serialized = _stored(content)
    except _UNREADABLE as error:
        raise invalid_argument(f"Invalid SignatureDefs found in TfLite model: {error}") from error
    return {name: _parsed(name, data, parse) for name, data in serialized.items()}


def unranked_inputs(content: bytes) -> frozenset[int]:
    """Indices of the input tensors whose rank the file leaves open; the interpreter gives them as scalars."""
    try:
        graph = schema.Model.GetRootAs(content, 0).Subgraphs(0)
        inputs = [graph.Inputs(place) for place in range(graph.InputsLength())]
        return frozenset(
            index for index in inputs if graph.Tensors(index).ShapeLength() == 0 and not graph.Tensors(index).HasRank()
        )
    except _UNREADABLE as error:
        raise invalid_argument(f"Cannot build FlatBufferModel from buffer. {error}") from error


def _stored(content: bytes) -> dict[str, bytes]:
    model = schema.Model.GetRootAs(content, 0)
    for place in range(model.MetadataLength()):
        entry = model.Metadata(place)
        if entry.Name() == METADATA_NAME:
            buffer = model.Buffers(entry.Buffer())
            if not buffer.DataLength():
                raise ValueError("their buffer is empty")
            table = flexbuffers.GetRoot(buffer.DataAsNumpy().tobytes()).AsMap
            names = [key.AsKey for key in table.Keys]
            return dict(zip(names, [value.AsStringBytes for value in table.Values], strict=True))
    return {}


def _parsed(name: str, data: bytes, parse: Callable[[bytes], Any]) -> Any:
    # TensorFlow Serving takes each message for a C string, which ends at its first zero byte.
    try:
        return parse(data.partition(b"\0")[0])
    except DecodeError as error:
        hint = ""
        if b"\0" in data:
            hint = (
                f" (signature {name!r} holds a zero byte, where it is cut off: leave out the tensor_shape of scalars, "
                "and dimensions of size 0)"
            )
        raise invalid_argument(
            f"Invalid SignatureDefs found in TfLite model: Cannot parse signature def found in flatbuffer.{hint}"
        ) from error
