"""TensorFlow as the oracle: every encoding of a tensor means to us, bit for bit, what it means to TensorFlow."""

from __future__ import annotations

import struct
from math import prod
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf.message import DecodeError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.wire.cut import cut_response
from gateway.wire.dtype import LAYOUTS
from gateway.wire.encode import delimited, varint
from gateway.wire.glue import glue_responses
from gateway.wire.inputs import read_values
from gateway.wire.reasons import Unjoined
from gateway.wire.tensor import LISTED, VALUES_NUMBER, Values, read_heads
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

STRING = int(tensor_pb2.DT_STRING)
COMPLEX = (tensor_pb2.DT_COMPLEX64, tensor_pb2.DT_COMPLEX128)
WIDTHS = {5: 4, 6: 8, 9: 4, 12: 8}  # bytes of one value of a packed list
DTYPES = sorted([*LAYOUTS, STRING])
# Quantized and of eight bits: TensorFlow has no op that writes them.
UNWRITTEN = {dtype for dtype in LAYOUTS if tensor_pb2.DataType.Name(dtype).startswith(("DT_Q", "DT_FLOAT8"))}
MAX_BYTES = 1 << 16
SIGNALLING = [struct.pack("<I", 0x7F800001), struct.pack("<I", 0xFF80BEEF), struct.pack("<Q", 0x7FF0000000000001)]
SOME_BITS = st.binary(min_size=8, max_size=8) | st.sampled_from([bits * (8 // len(bits)) for bits in SIGNALLING])


def read(tensor: bytes) -> bytes | Unjoined | None:
    """What would be joined; None where the client gets an error, parsed or not."""
    message = delimited(1, delimited(1, b"m")) + delimited(2, delimited(1, b"x") + delimited(2, tensor))
    try:
        request = predict_pb2.PredictRequest.FromString(message)
    except DecodeError:
        return None
    heads = read_heads(request)
    try:
        values: Values | Unjoined = read_values(message, request, heads, MAX_BYTES)
        assert read_values(message, None, heads, MAX_BYTES) == values
    except InvalidRequest:
        return None
    return values if isinstance(values, Unjoined) else values[0]


def ask(tensor: bytes, dtype: int) -> bytes | None:
    """What TensorFlow reads, as we keep values; None where it refuses."""
    try:
        parsed = tf.io.parse_tensor(tensor, tf.dtypes.as_dtype(dtype))
    except tf.errors.InvalidArgumentError:
        return None
    array: Any = parsed.numpy()
    if dtype == STRING:
        return b"".join([delimited(8, string) for string in array.reshape(-1)])
    assert isinstance(array, np.ndarray)
    return array.tobytes()


def judge(tensor: bytes, dtype: int) -> bytes | Unjoined | None:
    """Compare both: what we join is what TensorFlow reads, and what it refuses we don't join."""
    ours = read(tensor)
    if isinstance(ours, Unjoined):
        return ours
    theirs = ask(tensor, dtype)
    assert ours == theirs
    return ours


def head(dtype: int, shape: list[int]) -> bytes:
    return b"\x08" + varint(dtype) + delimited(2, b"".join([delimited(2, b"\x08" + varint(dim)) for dim in shape]))


def single(number: int, value: bytes) -> bytes:
    return varint(number << 3 | (5 if len(value) == 4 else 1)) + value


@st.composite
def listed(draw: st.DrawFn, number: int, count: int) -> bytes:
    """About `count` values of one list: packed, one by one, in chunks, or all of that."""
    fields, left = [], count
    while left > 0:
        taken = draw(st.integers(1, left))
        left -= taken
        if number == 8:
            fields += [delimited(8, draw(st.binary(max_size=3) | st.just(b"z" * 200))) for _ in range(taken)]
            continue
        if number == 18:
            fields.append(delimited(18, draw(st.binary(min_size=taken, max_size=taken))))
            continue
        values = [draw(element(number)) for _ in range(taken)]
        if draw(st.booleans()):
            fields.append(delimited(number, b"".join(values)))
        elif number in WIDTHS:
            fields += [single(number, value) for value in values]
        else:
            fields += [varint(number << 3) + value for value in values]
    return b"".join(fields)


def element(number: int) -> st.SearchStrategy[bytes]:
    """One value as a packed list holds it. Most varints fit their dtype, so that they are joined."""
    if number in WIDTHS:
        return SOME_BITS.map(lambda bits: bits[: WIDTHS[number]])
    numbers = st.integers(0, 127) | st.integers(0, 1) | st.integers(-128, 2**16) | st.integers(-(2**63), 2**64 - 1)
    return numbers.map(varint)


@st.composite
def tensors(draw: st.DrawFn) -> tuple[int, bytes]:
    """A dtype, and a TensorProto that holds it in some way or other."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(st.lists(st.integers(1, 3), min_size=1, max_size=3) | st.lists(st.integers(-1, 4), max_size=3))
    count = max(0, prod(shape))
    number = VALUES_NUMBER.get(dtype, 8)
    fields = [draw(listed(number, max(0, draw(st.integers(-2, 2)) + count * (2 if dtype in COMPLEX else 1))))]
    way = draw(st.integers(0, 9))
    if way < 3 and dtype != STRING:
        size = max(0, count * LAYOUTS[dtype].size + (draw(st.integers(-1, 1)) if way == 0 else 0))
        content = st.binary(min_size=size, max_size=size)
        if dtype == tensor_pb2.DT_BOOL and way:
            content = st.lists(st.integers(0, 1), min_size=size, max_size=size).map(bytes)
        fields = [delimited(4, draw(content)), *(fields if way == 1 else [])]
    elif way == 4:
        fields.append(draw(listed(draw(st.sampled_from([5, 6, 7, 8, 9, 10, 11, 12, 13, 16, 17, 18])), 2)))
    elif way == 5:
        fields.append(delimited(draw(st.integers(2, 20)), draw(st.binary(max_size=9))))
    fields.insert(draw(st.integers(0, 1)), head(dtype, shape))
    return dtype, b"".join(fields)


@settings(max_examples=1500, deadline=None, suppress_health_check=list(HealthCheck))
@given(tensors())
@example((int(tensor_pb2.DT_FLOAT), head(1, [3]) + single(5, SIGNALLING[0])))
@example((int(tensor_pb2.DT_BOOL), head(10, [2]) + delimited(4, b"\1\2")))
@example((int(tensor_pb2.DT_BOOL), head(10, [2]) + delimited(11, b"\x05\x00")))
@example((int(tensor_pb2.DT_COMPLEX64), head(8, [2]) + delimited(9, bytes(4))))
@example((int(tensor_pb2.DT_FLOAT), head(1, [2]) + delimited(5, bytes(7))))
def test_whatever_is_joined_is_what_tensorflow_reads(tensor: tuple[int, bytes]) -> None:
    judge(tensor[1], tensor[0])


def test_every_dtype_in_every_encoding_is_joined() -> None:
    """Not only is nothing joined wrongly: all that clients send is joined."""
    for dtype, layout in LAYOUTS.items():
        number, content = VALUES_NUMBER[dtype], bytes([0, 1] * layout.size * 3)[: layout.size * 6]
        if dtype == tensor_pb2.DT_BOOL:
            content = b"\1\0" * 3
        values = [b"\1", b"\0", b"\x7f", b"\1", b"\0"]
        if number not in LISTED:
            width = WIDTHS.get(number, 1)
            values = [content[at : at + width] for at in range(0, len(content), width)]
        kind = 0 if number in LISTED else 5 if WIDTHS.get(number) == 4 else 1
        ways = {
            "content": delimited(4, content),
            "packed": delimited(number, b"".join(values)),
            "none": b"",
            "splat": delimited(number, values[0] * (2 if dtype in COMPLEX else 1)),
            "surplus": delimited(number, b"".join(values) * 2),
        }
        if number != 18:  # bytes to TensorFlow too
            ways["unpacked"] = b"".join([varint(number << 3 | kind) + value for value in values])
            ways["chunked"] = delimited(number, b"".join(values[:2])) + delimited(number, b"".join(values[2:]))
            ways["mixed"] = ways["unpacked"] + ways["chunked"]
        for way, fields in ways.items():
            joined = judge(head(dtype, [2, 3]) + fields, dtype)
            assert isinstance(joined, bytes), (dtype, way)


def test_strings_are_joined_however_many_came() -> None:
    for strings in ([], [b"a"], [b"", b"\xff"], [b"a"] * 4, [b"x" * 300, b"b", b"c", b"d", b"e"]):
        fields = b"".join([delimited(8, string) for string in strings])
        assert isinstance(judge(head(STRING, [2, 2]) + fields, STRING), bytes)
        assert isinstance(judge(fields + head(STRING, [2, 2]), STRING), bytes)


def test_what_python_clients_make_is_joined() -> None:
    """tf.make_tensor_proto picks tensor_content, lists and splats by itself."""
    for dtype in DTYPES:
        numpy_type = tf.dtypes.as_dtype(dtype).as_numpy_dtype
        for array in (np.zeros([2, 3]), np.ones([2, 3]), np.arange(6).reshape([2, 3]) % 2, np.ones([1])):
            source = array.astype(bytes) if dtype == STRING else array.astype(numpy_type)
            try:
                tensor = tf.make_tensor_proto(source, dtype=tf.dtypes.as_dtype(dtype))
            except TypeError:
                continue  # of quantized dtypes it makes none out of plain arrays
            assert isinstance(judge(tensor.SerializeToString(), dtype), bytes), dtype


@pytest.mark.parametrize("dtype", sorted({*DTYPES} - UNWRITTEN))
def test_a_reply_in_tensor_content_is_cut_into_what_tensorflow_would_write_for_each(dtype: int) -> None:
    """tf.io.serialize_tensor writes as --enable_serialization_as_tensor_content does, strings too."""
    strings = [b"", b"a", b"b" * 130, b"\xff", b"", b"", b"c", b"d" * 20000, b"e", b"f"]
    row_bytes = 2 * LAYOUTS[dtype].size if dtype != STRING else 0
    content = bytes([number % 2 for number in range(5 * row_bytes)])

    def reply(start: int, end: int) -> bytes:
        values = b"".join([delimited(8, string) for string in strings[start * 2 : end * 2]])
        if dtype != STRING:
            values = delimited(4, content[start * row_bytes : end * row_bytes])
        tensor = tf.io.parse_tensor(head(dtype, [end - start, 2]) + values, tf.dtypes.as_dtype(dtype))
        written = tf.io.serialize_tensor(tensor).numpy()
        return delimited(1, delimited(1, b"y") + delimited(2, written)) + delimited(2, delimited(1, b"m"))

    parts = [reply(0, 2), reply(2, 3), reply(3, 4)]
    assert cut_response(reply(0, 5), [2, 1, 1], padding_rows=1) == parts
    assert glue_responses(parts, [2, 1, 1]) == reply(0, 4)
