"""Tensors as bytes in every encoding that the wire allows, right or wrong: nothing here checks what it writes."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.wire.encode import delimited, varint
from protos.stubs.tidegate.wire.v1 import tensor_pb2

FLOAT, UINT8 = tensor_pb2.DT_FLOAT, tensor_pb2.DT_UINT8
STRING, INT64 = tensor_pb2.DT_STRING, tensor_pb2.DT_INT64
_CONTENT, _DTYPE, _SHAPE = 4, 1, 2
_FIELDS: dict[int, int] = {FLOAT: 5, UINT8: 7, STRING: 8, INT64: 10}
_CODES: dict[int, str] = {FLOAT: "f", UINT8: "B", INT64: "q"}
_FIXED32 = 5


@dataclass
class Tensor:
    """dtype and shape as claimed, and the value fields after them, already encoded."""

    dtype: int
    shape: list[int]
    values: bytes
    unknown_rank: bool = False

    def encode(self) -> bytes:
        dims = b"".join([delimited(2, varint(1 << 3) + varint(size)) for size in self.shape])
        shape = dims + (varint(3 << 3) + b"\x01" if self.unknown_rank else b"")
        return varint(_DTYPE << 3) + varint(self.dtype) + delimited(_SHAPE, shape) + self.values


def content(data: bytes) -> bytes:
    """The tensor_content field."""
    return delimited(_CONTENT, data)


def floats(shape: list[int], *values: float) -> Tensor:
    """Float32 in the way that most clients send it."""
    return Tensor(FLOAT, shape, content(struct.pack(f"<{len(values)}f", *values)))


def random_values(rng: random.Random, dtype: int, count: int) -> list[int | float | bytes]:
    if dtype == FLOAT:
        return [float(rng.randrange(-8, 9)) for _ in range(count)]
    if dtype == STRING:
        return [rng.randbytes(rng.randrange(6)) for _ in range(count)]
    bound = 256 if dtype == UINT8 else 1000
    return [rng.randrange(bound) for _ in range(count)]


def listed(rng: random.Random, dtype: int, values: Sequence[int | float | bytes]) -> bytes:
    """The `*_val` field: packed, in several packed chunks, one by one, or mixed; strings have one way only."""
    field = _FIELDS[dtype]
    if dtype == STRING:
        return b"".join([delimited(field, value) for value in values if isinstance(value, bytes)])
    each = [_one(dtype, value) for value in values]
    way = rng.choice(("packed", "chunks", "single", "mixed"))
    cut = len(each) if way == "packed" else 0 if way == "single" else rng.randrange(len(each) + 1)
    first, rest = each[:cut], each[cut:]
    kind = _FIXED32 if dtype == FLOAT else 0
    tail = delimited(field, b"".join(rest)) if way == "chunks" else b"".join([_tag(field, kind) + one for one in rest])
    return (delimited(field, b"".join(first)) if first else b"") + tail


def good_values(rng: random.Random, dtype: int, count: int) -> bytes:
    """Values for `count` elements in an encoding that TensorFlow takes: exact, surplus, repeated or none."""
    way = rng.choice(("content", "content", "listed", "listed", "surplus", "repeated", "none"))
    if way == "content" and dtype != STRING:
        return content(struct.pack(f"<{count}{_CODES[dtype]}", *random_values(rng, dtype, count)))
    stretch = {"surplus": count + rng.randrange(3), "repeated": min(count, 1 + rng.randrange(3)), "none": 0}
    return listed(rng, dtype, random_values(rng, dtype, stretch.get(way, count)))


def _one(dtype: int, value: int | float | bytes) -> bytes:
    if dtype == FLOAT:
        return struct.pack("<f", value)
    assert isinstance(value, int), "strings are not packed"
    return varint(value)


def _tag(field: int, kind: int) -> bytes:
    return varint(field << 3 | kind)
