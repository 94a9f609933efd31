"""The measured call, the fast upstream that answers it, and our own generator, over real sockets."""

from __future__ import annotations

import struct
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from benchmarks.calls import FRAME_BYTES, framed, repeated_reply, rows_of, small_request
from benchmarks.fast_upstream import predictor, start
from benchmarks.own_client import drive
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2


def one_row_reply() -> bytes:
    """y float32 (1, 2)."""
    response = predict_pb2.PredictResponse()
    response.model_spec.name = "mlp"
    tensor = response.outputs["y"]
    tensor.dtype = tensor_pb2.DT_FLOAT
    for size in (1, 2):
        tensor.tensor_shape.dim.add(size=size)
    tensor.float_val = struct.pack("<2f", 1.0, 2.0)
    message: bytes = response.SerializeToString()
    return message


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    for name, recorded in (("predict", one_row_reply()), ("metadata", b""), ("status", b"")):
        (tmp_path / name).write_bytes(recorded)
    server, bound = await start(tmp_path)
    yield bound
    await server.stop(None)


def test_the_request_is_small_and_of_one_row() -> None:
    assert rows_of(small_request()) == 1
    assert 280 < len(small_request()) < 330


def test_a_framed_message_says_its_length() -> None:
    assert framed(b"abc") == b"\0\0\0\0\x03abc"
    assert len(framed(b"abc")) == 3 + FRAME_BYTES


def test_a_joined_request_gets_as_many_rows_as_it_has() -> None:
    request = predict_pb2.PredictRequest.FromString(small_request())
    tensor = request.inputs["x"]
    tensor.tensor_shape.dim[0].size = 3
    tensor.tensor_content = tensor.tensor_content * 3
    reply = predict_pb2.PredictResponse.FromString(predictor(one_row_reply())(request.SerializeToString()))
    assert [dim.size for dim in reply.outputs["y"].tensor_shape.dim] == [3, 2]
    assert struct.unpack("<6f", reply.outputs["y"].float_val) == (1, 2) * 3


def test_a_repeated_reply_of_one_row_is_the_reply() -> None:
    repeated = predict_pb2.PredictResponse.FromString(repeated_reply(one_row_reply(), 1))
    assert repeated == predict_pb2.PredictResponse.FromString(one_row_reply())


async def test_our_generator_makes_exactly_the_calls_asked_for(port: int) -> None:
    outcome = await drive(port, 2, 3, 50, small_request(), len(one_row_reply()))
    assert (outcome.requests, outcome.answered) == (50, 50)
    assert outcome.wall_s > 0


async def test_our_generator_counts_replies_of_another_length_as_unanswered(port: int) -> None:
    outcome = await drive(port, 1, 2, 10, small_request(), len(one_row_reply()) + 1)
    assert (outcome.requests, outcome.answered) == (10, 0)


async def test_our_generator_counts_errors_as_unanswered(port: int) -> None:
    outcome = await drive(port, 1, 2, 10, b"no request", len(one_row_reply()))
    assert (outcome.requests, outcome.answered) == (10, 0)
