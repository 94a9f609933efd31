"""Promises of wire/reply.py: a reply as TensorFlow Serving writes it is taken apart, anything else says why not."""

from __future__ import annotations

import pytest

from gateway.wire.encode import delimited
from gateway.wire.reasons import Uncut
from gateway.wire.reply import Reply, cut_values, judge_rows, read_reply
from protos.stubs.tidegate.wire.v1 import tensor_pb2
from tests.unit.gateway.wire.messages import predict_response, raw_tensor, single, tensor_proto

FLOAT, INT4, STRING = tensor_pb2.DT_FLOAT, tensor_pb2.DT_INT4, tensor_pb2.DT_STRING
SPEC = delimited(2, predict_response().model_spec.SerializeToString())


def entry(*fields: bytes) -> bytes:
    return delimited(1, b"".join(fields))


def output(tensor: bytes, alias: bytes = b"y") -> bytes:
    return entry(delimited(1, alias), delimited(2, tensor))


def read(data: bytes) -> Reply:
    reply = read_reply(data)
    assert isinstance(reply, Reply)
    return reply


def test_a_reply_is_its_spec_and_its_outputs_in_their_order() -> None:
    scores = raw_tensor(FLOAT, [1, 2], delimited(5, bytes(8)))
    names = raw_tensor(STRING, [2], delimited(8, b"a"), delimited(8, b""))
    for data in (output(scores, b"s") + output(names, b"n") + SPEC, SPEC + output(scores, b"s") + output(names, b"n")):
        reply = read(data)
        assert reply.spec == SPEC
        found = [(one.alias, one.dtype, one.shape, one.number, one.values) for one in reply.outputs]
        assert found == [(b"s", 1, (1, 2), 5, bytes(8)), (b"n", 7, (2,), 8, b"\x42\x01a\x42\0")]


def test_a_large_head_is_read_too() -> None:
    shape = [1] * 200
    assert read(output(raw_tensor(FLOAT, shape))).outputs[0].shape == tuple(shape)


@pytest.mark.parametrize(
    "data",
    [
        output(raw_tensor(FLOAT, [1])) * 2,  # an alias twice
        output(raw_tensor(FLOAT, [1])) + SPEC * 2,
        output(raw_tensor(FLOAT, [1])) + b"\xa2\x38\x01x",
        output(raw_tensor(FLOAT, [1])) + delimited(2, delimited(9, b"")),  # a spec with something unknown
        entry(delimited(2, raw_tensor(FLOAT, [1])), delimited(1, b"y")),
        entry(delimited(1, b"y"), delimited(2, raw_tensor(FLOAT, [1])), delimited(2, b"")),
        output(raw_tensor(FLOAT, [1], delimited(2, delimited(2, b"\x08\x01")))),  # a shape in pieces
        output(raw_tensor(FLOAT, [1], delimited(2, delimited(2, delimited(2, b"named"))))),
        output(raw_tensor(FLOAT, [1], delimited(2, b"\x18\x01"))),  # unknown rank
        output(raw_tensor(FLOAT, [1], b"\x18\x01", delimited(5, bytes(4)))),  # version_number
        output(raw_tensor(FLOAT, [1], single(5, bytes(4)))),
        output(raw_tensor(tensor_pb2.DT_INT64, [1], b"\x50\x01")),
        output(raw_tensor(tensor_pb2.DT_RESOURCE, [1], delimited(14, b""))),
    ],
)
def test_what_tensorflow_serving_does_not_write_is_not_cut(data: bytes) -> None:
    assert read_reply(data) is Uncut.UNUSUAL_ENCODING


def test_values_in_two_fields_are_not_chosen_from() -> None:
    for second in (delimited(5, bytes(4)), delimited(4, bytes(4)), single(5, bytes(4))):
        assert read_reply(output(raw_tensor(FLOAT, [1], delimited(5, bytes(4)), second))) is Uncut.PAYLOAD


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a\xff\xff",
        b"\x0a",
        output(b"\x12\x02\x12\x05"),
        b"\x0b\x0c",
        b"\x80" * 11,
        output(raw_tensor(FLOAT, [1]), b"\xff"),
        entry(delimited(2, b"")),
    ],
)
def test_what_is_no_reply_is_not_understood(data: bytes) -> None:
    assert read_reply(data) is Uncut.UNPARSABLE


def test_no_outputs_are_no_reply_to_a_join() -> None:
    assert read_reply(SPEC) is Uncut.NO_OUTPUTS
    assert read_reply(b"") is Uncut.NO_OUTPUTS


def test_rows_are_judged_by_the_shape() -> None:
    shapes: list[tuple[list[int], Uncut | None]] = [
        ([2, 3], None),
        ([], Uncut.SCALAR),
        ([3, 3], Uncut.ROWS),
        ([2, -1], Uncut.ROWS),
    ]
    for shape, reason in shapes:
        assert judge_rows(read(output(raw_tensor(FLOAT, shape))).outputs[0], 2) is reason


def test_small_integers_in_tensor_content_take_a_byte_each() -> None:
    tensor = tensor_proto(INT4, [3, 2], tensor_content=b"abcdef").SerializeToString()
    assert cut_values(read(output(tensor)).outputs[0], [1, 2]) == [b"ab", b"cdef"]
