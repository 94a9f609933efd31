"""curl, which knows HTTP/2 and nothing of gRPC: the frame around a message, the headers, the trailers."""

from __future__ import annotations

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from protos.stubs.tidegate.wire.v1 import predict_pb2
from tests.fakes.tensors import PREDICT, answer_of, floats_of, predict_message
from tests.interop.conftest import Front

pytestmark = [
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed: install curl with HTTP/2"),
]


@dataclass(frozen=True, slots=True)
class Response:
    """What curl got. `headers` and `trailers` in the order they came."""

    status: str
    headers: dict[str, str]
    body: bytes
    trailers: dict[str, str]


def framed(message: bytes) -> bytes:
    """A gRPC message on the wire: not compressed, four bytes of length."""
    return b"\x00" + len(message).to_bytes(4, "big") + message


async def curl(front: Front, folder: Path, body: bytes, content_type: str = "application/grpc") -> Response:
    """POST a body to Predict."""
    (folder / "request").write_bytes(body)
    arguments = ["--silent", "--show-error", "--max-time", "60", "--http2-prior-knowledge"]
    for header in (f"content-type: {content_type}", "te: trailers"):
        arguments += ["--header", header]
    arguments += ["--data-binary", "@request", "--dump-header", "head", "--output", "reply"]
    address = f"http://127.0.0.1:{front.gateway.port}{PREDICT}"
    ran = await asyncio.create_subprocess_exec("curl", *arguments, address, cwd=folder)
    assert await ran.wait() == 0
    head, _, tail = (folder / "head").read_bytes().decode().partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    reply = folder / "reply"
    body = reply.read_bytes() if reply.exists() else b""
    return Response(status.strip(), fields(lines), body, fields(tail.split("\r\n")))


def fields(lines: list[str]) -> dict[str, str]:
    return {name: value for name, _, value in (line.partition(": ") for line in lines) if name}


@pytest.mark.parametrize("rows", [1, 20_000])
async def test_a_reply_is_one_framed_message_with_trailers(front: Front, tmp_path: Path, rows: int) -> None:
    values = [float(number % 512) for number in range(rows * 2)]
    response = await curl(front, tmp_path, framed(predict_message(values).SerializeToString()))
    assert response.status == "HTTP/2 200"
    assert response.headers["content-type"] == "application/grpc"
    assert response.headers["tidegate-version"] == "1"
    assert "grpc-status" not in response.headers
    message = response.body[5:]
    assert response.body == framed(message)
    assert floats_of(predict_pb2.PredictResponse.FromString(message).outputs["y"]) == answer_of(values, 1)
    assert response.trailers["grpc-status"] == "0"


async def test_an_error_is_trailers_only(front: Front, tmp_path: Path) -> None:
    response = await curl(front, tmp_path, framed(b""))
    assert (response.status, response.body, response.trailers) == ("HTTP/2 200", b"", {})
    assert response.headers["content-type"] == "application/grpc"
    assert (response.headers["grpc-status"], response.headers["grpc-message"]) == ("3", "Missing ModelSpec")


async def test_a_body_that_ends_within_a_message_is_refused(front: Front, tmp_path: Path) -> None:
    if front.transport == "grpcio":
        pytest.skip("C-core leaves such a call without an answer until its deadline")
    response = await curl(front, tmp_path, framed(predict_message().SerializeToString())[:-1])
    assert (response.status, response.body) == ("HTTP/2 200", b"")
    assert (response.headers | response.trailers)["grpc-status"] != "0"


async def test_a_request_that_is_no_grpc_call_is_told_so(front: Front, tmp_path: Path) -> None:
    if front.transport == "grpcio":
        pytest.skip("C-core takes a call of any content type")
    response = await curl(front, tmp_path, b"{}", "application/json")
    assert response.status == "HTTP/2 415"
