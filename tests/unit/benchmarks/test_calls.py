"""The measured calls, the fast upstream that answers them, and the grpcio generator, over real sockets."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from benchmarks.calls import FRAME_BYTES, LARGE, METADATA, PREDICT, SMALL, STATUS, framed, repeated_reply
from benchmarks.fast_upstream import INVALID_ARGUMENT, NOT_FOUND, Replies, start
from benchmarks.own_client import drive
from protos.stubs.tidegate.wire.v1 import management_pb2, predict_pb2
from tests.unit.benchmarks.replies import RECORDED, one_row_reply, write_recordings


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    server, bound = await start(write_recordings(tmp_path))
    yield bound
    server.close()


def rows(count: int) -> bytes:
    """The small request with its row so many times, framed."""
    request = predict_pb2.PredictRequest.FromString(SMALL.request())
    tensor = request.inputs["x"]
    tensor.tensor_shape.dim[0].size = count
    tensor.tensor_content = tensor.tensor_content * count
    return framed(request.SerializeToString())


def test_the_requests_are_of_one_row_and_of_the_sizes_that_results_name() -> None:
    assert 280 < len(SMALL.request()) < 330
    assert 600_000 < len(LARGE.request()) < 600_200
    for call in (SMALL, LARGE):
        tensor = predict_pb2.PredictRequest.FromString(call.request()).inputs["x"]
        assert [dim.size for dim in tensor.tensor_shape.dim] == [1, call.features]
        assert len(tensor.tensor_content) == 4 * call.features


def test_a_framed_message_says_its_length() -> None:
    assert framed(b"abc") == b"\0\0\0\0\x03abc"
    assert len(framed(b"abc")) == 3 + FRAME_BYTES


def test_a_joined_request_gets_as_many_rows_as_it_has() -> None:
    reply = Replies(RECORDED).answer(PREDICT, [rows(3)])
    assert isinstance(reply, bytes)
    outputs = predict_pb2.PredictResponse.FromString(reply[FRAME_BYTES:]).outputs
    assert [dim.size for dim in outputs["y"].tensor_shape.dim] == [3, 2]
    assert struct.unpack("<6f", outputs["y"].float_val) == (1, 2) * 3


def test_a_repeated_reply_of_one_row_is_the_reply() -> None:
    repeated = predict_pb2.PredictResponse.FromString(repeated_reply(one_row_reply(), 1))
    assert repeated == predict_pb2.PredictResponse.FromString(one_row_reply())


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_a_request_is_known_however_its_bytes_were_cut(size: int) -> None:
    replies = Replies(RECORDED)
    for request, model in ((framed(SMALL.request()), "mlp"), (framed(LARGE.request())[:9000], None)):
        parts = [request[at : at + size] for at in range(0, len(request), size)]
        expected = framed(one_row_reply(model)) if model else INVALID_ARGUMENT  # cut off: it does not parse
        assert replies.answer(PREDICT, parts) == expected
        assert replies.answer(PREDICT, parts) == expected


def test_each_model_has_its_own_reply_and_an_unknown_one_none() -> None:
    replies = Replies(RECORDED)
    assert replies.answer(PREDICT, [framed(LARGE.request())]) == framed(one_row_reply("wide"))
    status = management_pb2.GetModelStatusRequest()
    status.model_spec.name = "mlp"
    assert replies.answer(STATUS, [framed(status.SerializeToString())]) == framed(b"the status")
    assert replies.answer(METADATA, [framed(status.SerializeToString())]) == framed(b"the metadata")
    status.model_spec.name = "other"
    assert replies.answer(STATUS, [framed(status.SerializeToString())]) == NOT_FOUND
    assert replies.answer(PREDICT, []) == NOT_FOUND


@pytest.mark.parametrize(("path", "code"), [("/x.Y/Z", "UNIMPLEMENTED"), (PREDICT, "INVALID_ARGUMENT")])
async def test_what_has_no_reply_gets_a_grpc_error(port: int, path: str, code: str) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(path)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await method(b"no request", timeout=10)
    assert raised.value.code().name == code


async def test_large_requests_of_one_connection_are_answered_side_by_side(port: int) -> None:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PREDICT)
        calls = [method(message, timeout=30) for message in (LARGE.request(), SMALL.request()) * 3]
        assert await asyncio.gather(*calls) == [one_row_reply("wide"), one_row_reply()] * 3


async def test_the_grpcio_generator_makes_exactly_the_calls_asked_for(port: int) -> None:
    outcome = await drive(port, 2, 3, 50, SMALL.request(), len(one_row_reply()))
    assert (outcome.requests, outcome.answered) == (50, 50)
    assert outcome.wall_s > 0
    assert outcome.p50_us > 0


async def test_the_grpcio_generator_counts_replies_of_another_length_as_unanswered(port: int) -> None:
    outcome = await drive(port, 1, 2, 10, SMALL.request(), len(one_row_reply()) + 1)
    assert (outcome.requests, outcome.answered) == (10, 0)


async def test_the_grpcio_generator_counts_errors_as_unanswered(port: int) -> None:
    outcome = await drive(port, 1, 2, 10, b"no request", len(one_row_reply()))
    assert (outcome.requests, outcome.answered) == (10, 0)
