"""The demo's reference: a replica is asked row by row, and its answers are written as the load test reads them."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest

from cli.demo.reference import append_reference, available_versions
from loadtests.rows import Row
from protos.stubs.tidegate.wire.v1 import predict_pb2
from tests.fakes.behaviour import AVAILABLE, FakeModel, FakeServing, Fault
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import float_tensor

ROWS = [Row(bytes([label] * 64), label) for label in range(3)]
DEADLINE_S = 60.0


class Digits(FakeReplica):
    """Answers one row of pixels with ten scores: the first is its pixel, the second its version."""

    def __init__(self, content: bool) -> None:
        super().__init__(FakeServing({"digits": FakeModel({1: AVAILABLE, 2: 20, 3: AVAILABLE, 4: 50})}))
        self._content = content

    def _answer(self, method: str, message: bytes) -> bytes:
        if method != "Predict":
            return super()._answer(method, message)
        request = predict_pb2.PredictRequest.FromString(message)
        pixels = request.inputs["pixels"]
        assert [dim.size for dim in pixels.tensor_shape.dim] == [1, 8, 8, 1]
        version = request.model_spec.version.value
        scores = [float(pixels.tensor_content[0]), float(version), *[0.0] * 8]
        reply = predict_pb2.PredictResponse()
        reply.outputs["scores"].CopyFrom(float_tensor(scores, (1, 10), self._content))
        return reply.SerializeToString()


@contextmanager
def serving(replica: FakeReplica) -> Iterator[str]:
    """The replica's address; it runs in a thread of its own, since the code under test blocks."""
    loop, done, found = asyncio.new_event_loop(), asyncio.Event(), list[str]()
    ready = threading.Event()

    async def serve() -> None:
        found.append(await replica.start())
        ready.set()
        await done.wait()
        await replica.stop()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()), daemon=True)
    thread.start()
    assert ready.wait(DEADLINE_S)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(DEADLINE_S)
        loop.close()


@pytest.mark.parametrize("content", [True, False], ids=["tensor_content", "float_val"])
def test_scores_of_each_row_are_appended_as_one_line_a_version(content: bool, tmp_path: Path) -> None:
    expected, replica = tmp_path / "expected.jsonl", Digits(content)
    with serving(replica) as address:
        append_reference(expected, address, "digits", 1, ROWS, 1e-5)
        append_reference(expected, address, "digits", 3, ROWS, 2e-2)
    entries = [json.loads(line) for line in expected.read_text(encoding="utf-8").splitlines()]
    assert [(entry["version"], entry["tolerance"]) for entry in entries] == [("1", 1e-5), ("3", 2e-2)]
    assert [scores[:2] for scores in entries[1]["scores"]] == [[0.0, 3.0], [1.0, 3.0], [2.0, 3.0]]
    assert {len(scores) for entry in entries for scores in entry["scores"]} == {10}
    assert len(replica.calls()) == 2 * len(ROWS), "each row travels alone: these answers are never joined"


def test_only_versions_that_the_replica_calls_available_are_told() -> None:
    with serving(Digits(True)) as address:
        assert available_versions(address, "digits") == [1, 3]
        with pytest.raises(grpc.RpcError) as caught:
            available_versions(address, "nobody")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


def test_a_replica_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    expected, replica = tmp_path / "expected.jsonl", Digits(True)
    expected.write_text("kept\n", encoding="utf-8")
    with serving(replica) as address:
        replica.inject(Fault(code=grpc.StatusCode.INTERNAL, message="broken"))
        with pytest.raises(grpc.RpcError):
            append_reference(expected, address, "digits", 1, ROWS, 1e-5)
    assert expected.read_text(encoding="utf-8") == "kept\n"
