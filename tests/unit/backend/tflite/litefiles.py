"""TensorFlow Lite files written by hand, without TensorFlow: y = x + 1, or z = x + y."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from flatbuffers import Builder, flexbuffers

FLOAT32, FLOAT16, INT32 = schema.TensorType.FLOAT32, schema.TensorType.FLOAT16, schema.TensorType.INT32


@dataclass(frozen=True)
class Tensor:
    """One tensor; a size of -1 is open. `shape` None: any rank."""

    name: str
    shape: tuple[int, ...] | None = (-1, 2)
    kind: int = FLOAT32


X, Y = Tensor("x:0"), Tensor("y:0")


class _Text(str):
    """Bytes for a builder that encodes texts and knows no others."""

    data: bytes

    @classmethod
    def of(cls, data: bytes) -> _Text:
        """A text that stands for these bytes."""
        text = cls()
        text.data = data
        return text

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """The bytes."""
        return self.data


def adding(
    inputs: Sequence[Tensor] = (X,), output: Tensor = Y, signed: Mapping[str, bytes] | None = None, kind: str = "ADD"
) -> bytes:
    """A file that adds its two inputs, or 1 to its only one. `signed`: serialized SignatureDefs by signature name."""
    tensors = [*map(_tensor, inputs), _tensor(output)]
    buffers = [schema.BufferT()]
    places = list(range(len(inputs)))
    operands = places
    if len(inputs) == 1:
        operands = [*places, len(tensors)]
        one = schema.BufferT()
        one.data = list(np.float32(1).tobytes())
        buffers.append(one)
        tensors.append(_tensor(Tensor("one", ())))
        tensors[-1].buffer = 1
    graph = schema.SubGraphT()
    graph.tensors, graph.inputs, graph.outputs = tensors, places, [len(inputs)]
    graph.operators = [_operator(operands, len(inputs))]
    model = schema.ModelT()
    model.version, model.subgraphs, model.operatorCodes = 3, [graph], [_code(kind)]
    model.buffers, model.metadata = buffers, []
    return sign(packed(model), signed or {})


def packed(model: Any) -> bytes:
    """The bytes of a ModelT."""
    builder = Builder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def sign(content: bytes, signed: Mapping[str, bytes]) -> bytes:
    """The same file with serialized SignatureDefs where TensorFlow Serving reads them; without any: as it is."""
    if not signed:
        return content
    table = flexbuffers.Builder()
    with table.Map():
        for name, data in sorted(signed.items()):
            table.String(name, _Text.of(data))
    return with_metadata(content, "signature_defs_metadata", bytes(table.Finish()))


def with_metadata(content: bytes, name: str, data: bytes) -> bytes:
    """The same file with one more entry of metadata."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    entry, buffer = schema.MetadataT(), schema.BufferT()
    entry.name, entry.buffer = name, len(model.buffers)
    buffer.data = list(data)
    model.metadata = [*(model.metadata or []), entry]
    model.buffers = [*model.buffers, buffer]
    return packed(model)


def _tensor(tensor: Tensor) -> Any:
    made = schema.TensorT()
    made.name, made.type = tensor.name, tensor.kind
    made.hasRank = tensor.shape is not None
    made.shape = [abs(size) for size in tensor.shape or ()]
    made.shapeSignature = list(tensor.shape or ())
    made.buffer = 0
    return made


def _operator(operands: list[int], result: int) -> Any:
    operator = schema.OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = 0, operands, [result]
    operator.builtinOptionsType = schema.BuiltinOptions.AddOptions
    operator.builtinOptions = schema.AddOptionsT()
    return operator


def _code(kind: str) -> Any:
    code = schema.OperatorCodeT()
    number = getattr(schema.BuiltinOperator, kind)
    code.builtinCode = code.deprecatedBuiltinCode = number
    code.version = 1
    if kind == "CUSTOM":
        code.customCode = "ParseExampleV2"
    return code
