"""Put a SavedModel's signature into a TensorFlow Lite model where TensorFlow Serving looks for it, and read it there.

TensorFlow Serving (tflite_session.cc) takes signatures from the model's metadata entry `signature_defs_metadata`: a
flexbuffer map from signature name to a serialized SignatureDef, whose tensor names must be those of the model's input
and output tensors. Without the entry it makes a signature up from the tensors' names, with the batch fixed at 1.
The flatbuffer's own signatures, which interpreters use, it doesn't read. Two traps of its reader: a SignatureDef is cut
at its first zero byte, and of two outputs with one name the model is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from export.errors import UnsupportedVariantError
from export.signature import PREDICT_METHOD, SERVING_DEFAULT, Signature, TensorInfo, signature_from_proto

METADATA_NAME = "signature_defs_metadata"
# What TensorFlow Serving's TensorFlow Lite session can take and give; strings too, but flattened to one dimension.
EDGE_DTYPES = {
    "float32": "DT_FLOAT",
    "int32": "DT_INT32",
    "uint8": "DT_UINT8",
    "int64": "DT_INT64",
    "bool": "DT_BOOL",
    "int16": "DT_INT16",
    "int8": "DT_INT8",
    "complex64": "DT_COMPLEX64",
}


def refuse_edges(signature: Signature) -> None:
    """Refuse dtypes that TensorFlow Serving can't carry to or from a TensorFlow Lite model.

    Raises: UnsupportedVariantError naming all of them.
    """
    tensors = [*(("input", *item) for item in signature.inputs.items())]
    tensors += [*(("output", *item) for item in signature.outputs.items())]
    bad = [f"{kind} {alias!r} is {info.dtype}" for kind, alias, info in tensors if info.dtype not in EDGE_DTYPES]
    if bad:
        raise UnsupportedVariantError(
            f"{'; '.join(bad)}: TensorFlow Serving's TensorFlow Lite session carries {', '.join(EDGE_DTYPES)}. "
            "Export a SavedModel precision (float32, bfloat16, float16, int8)"
        )


def signed(model_bytes: bytes, signature: Signature) -> bytes:
    """Name the model's input and output tensors by alias and add the signature to its metadata.

    The model must have the flatbuffer signature `serving_default` with the same aliases, as the converter writes it.
    Raises: UnsupportedVariantError when two outputs are one tensor.
    """
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_litert.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model_from_bytearray(bytearray(model_bytes))
    [own] = [one for one in model.signatureDefs if _text(one.signatureKey) == SERVING_DEFAULT]
    tensors = model.subgraphs[own.subgraphIndex].tensors
    outputs = {_text(item.name): item.tensorIndex for item in own.outputs}
    _refuse_twins(outputs)
    inputs = {_text(item.name): item.tensorIndex for item in own.inputs}
    for alias, index in {**outputs, **inputs}.items():  # an output that is an input goes by the input's name
        tensors[index].name = alias
    proto = _proto(
        signature,
        {alias: _text(tensors[index].name) for alias, index in inputs.items()},
        {alias: _text(tensors[index].name) for alias, index in outputs.items()},
    )
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers)
    model.metadata = [one for one in model.metadata or [] if _text(one.name) != METADATA_NAME] + [entry]
    model.buffers.append(_buffer(_flexbuffer(proto)))
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def _refuse_twins(outputs: Mapping[str, int]) -> None:
    by_index: dict[int, list[str]] = {}
    for alias, index in outputs.items():
        by_index.setdefault(index, []).append(alias)
    for aliases in by_index.values():
        if len(aliases) > 1:
            raise UnsupportedVariantError(
                f"outputs {' and '.join(map(repr, sorted(aliases)))} are one tensor in TensorFlow Lite, which "
                "TensorFlow Serving refuses to load. Leave one out of the model, or export a SavedModel precision"
            )


def _text(name: Any) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)


def _proto(signature: Signature, input_names: Mapping[str, str], output_names: Mapping[str, str]) -> bytes:
    """Serialize the SignatureDef that TensorFlow Serving answers GetModelMetadata with. Raises: see _fill."""
    from protos.stubs.tidegate.wire.v1 import signature_pb2

    proto = signature_pb2.SignatureDef(method_name=PREDICT_METHOD)
    for field, infos, names in (
        (proto.inputs, signature.inputs, input_names),
        (proto.outputs, signature.outputs, output_names),
    ):
        for alias, info in infos.items():
            _fill(field[alias], info, names[alias])
    serialized = proto.SerializeToString(deterministic=True)
    if b"\0" in serialized:  # nothing else in a signature has such a byte
        raise UnsupportedVariantError(
            "a tensor with a dimension of 0 in the signature can't be served as TensorFlow Lite; leave it out"
        )
    return serialized


def _fill(proto: Any, info: TensorInfo, name: str) -> None:
    from protos.stubs.tidegate.wire.v1 import tensor_pb2

    proto.name = name
    proto.dtype = tensor_pb2.DataType.Value(EDGE_DTYPES[info.dtype])
    for size in info.shape:
        proto.tensor_shape.dim.add().size = -1 if size is None else size


def _buffer(content: bytes) -> Any:
    import numpy as np
    from ai_edge_litert import schema_py_generated as schema

    buffer = schema.BufferT()
    buffer.data = np.frombuffer(content, np.uint8)
    return buffer


class _Serialized(str):
    """Bytes in the coat of a text: flexbuffers writes only texts as String, and TensorFlow Serving reads only those."""

    content: bytes

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        return self.content


def _flexbuffer(proto: bytes) -> bytes:
    from flatbuffers import flexbuffers

    text = _Serialized()
    text.content = proto
    builder = flexbuffers.Builder()
    with builder.Map():
        builder.String(SERVING_DEFAULT, text)
    return bytes(builder.Finish())


def read_signed(model_bytes: bytes) -> Signature:
    """Read the signature that TensorFlow Serving would offer, without TensorFlow.

    Raises: ValueError for a damaged file, or one without the metadata entry.
    """
    from flatbuffers import flexbuffers
    from google.protobuf.message import DecodeError

    from protos.stubs.tidegate.wire.v1 import signature_pb2

    content = _metadata(model_bytes)
    try:
        serialized = flexbuffers.GetRoot(content).AsMap[SERVING_DEFAULT].AsStringBytes
        proto = signature_pb2.SignatureDef.FromString(bytes(serialized))
    except (DecodeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"its metadata {METADATA_NAME!r} is damaged: {error}") from error
    return signature_from_proto(proto)


def _metadata(model_bytes: bytes) -> bytes:
    """The content of the entry. Raises: ValueError when it isn't there."""
    import struct

    from ai_edge_litert import schema_py_generated as schema

    if not schema.Model.ModelBufferHasIdentifier(model_bytes, 0):
        raise ValueError("it isn't a TensorFlow Lite model")
    try:
        model = schema.Model.GetRootAs(model_bytes, 0)
        for position in range(model.MetadataLength()):
            entry = model.Metadata(position)
            if entry is not None and entry.Name() == METADATA_NAME.encode():
                data = model.Buffers(entry.Buffer()).DataAsNumpy()
                return bytes(data.tobytes())
    except (struct.error, IndexError, TypeError, ValueError, AttributeError) as error:  # a cut or overwritten file
        raise ValueError(f"it is damaged: {error}") from error
    raise ValueError(f"it has no metadata {METADATA_NAME!r}: write it with tidegate export")
