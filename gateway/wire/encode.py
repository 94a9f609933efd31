"""Protobuf's length-delimited fields written by hand, so that a join or a cut copies its rows exactly once.

protobuf's own serialiser copies a tensor into the message, then into the output. Everything small is still left to it.
Field numbers are those of protos/tidegate/wire/v1.
"""

from __future__ import annotations

from functools import lru_cache
from typing import cast

from protos.stubs.tidegate.wire.v1 import tensor_pb2

LENGTH_DELIMITED = 2
_ONE_BYTE = tuple(bytes([value]) for value in range(128))


def varint(value: int) -> bytes:
    """Base-128, least significant group first; a negative int64 takes its ten bytes of two's complement."""
    if 0 <= value < 128:
        return _ONE_BYTE[value]
    value &= 2**64 - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def field_head(number: int, length: int) -> bytes:
    """What stands before the `length` bytes of a length-delimited field."""
    return varint(number << 3 | LENGTH_DELIMITED) + varint(length)


def delimited(number: int, payload: bytes) -> bytes:
    """A whole length-delimited field."""
    return field_head(number, len(payload)) + payload


@lru_cache(maxsize=4096)
def tensor_head(dtype: int, shape: tuple[int, ...]) -> bytes:
    """A TensorProto with dtype and shape and no values yet."""
    dims = [tensor_pb2.TensorShapeProto.Dim(size=size) for size in shape]
    shape_message = tensor_pb2.TensorShapeProto(dim=dims)
    message = tensor_pb2.TensorProto(dtype=cast(tensor_pb2.DataType, dtype), tensor_shape=shape_message)
    return message.SerializeToString()


def map_entry_head(number: int, alias: bytes, value_head: bytes, tail_length: int) -> bytes:
    """A map<string, message> entry up to where the value's last `tail_length` bytes begin."""
    key = delimited(1, alias)
    value = field_head(2, len(value_head) + tail_length) + value_head
    return field_head(number, len(key) + len(value) + tail_length) + key + value
