"""A small PredictionService for `digits` in its own process: split by key, faults on demand, no TensorFlow.

What it does is in FOLDER/plan.json, read again when it changes:
{"arms": [["stable", "1", 90], ["canary", "2", 10]], "faults": [], "every": 1, "headers": true}
One of `faults`, in turn, befalls each `every`-th call:
wrong-sum, wrong-shape, error, silence, lying-header, flip (the next arm answers).
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import math
import os
import signal
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

PREDICT = "/tensorflow.serving.PredictionService/Predict"
KEY_HEADER = "x-user-id"


@dataclass(frozen=True, slots=True)
class Plan:
    """What the server does now."""

    arms: tuple[tuple[str, str, float], ...] = (("stable", "1", 90), ("canary", "2", 10))
    faults: tuple[str, ...] = ()
    every: int = 1
    headers: bool = True

    def arm(self, key: str) -> int:
        """Index of the arm of a key: its bucket of 10,000 falls into one arm's share."""
        bucket = int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest()) % 10_000
        share = 0.0
        for index, (_, _, percent) in enumerate(self.arms):
            share += percent * 100
            if bucket < share:
                return index
        return len(self.arms) - 1


def scores_for(pixels: bytes, version: str) -> tuple[float, ...]:
    """A softmax that depends on every pixel and on the version, always the same."""
    digest = hashlib.blake2b(pixels + version.encode(), digest_size=10).digest()
    exponents = [math.exp(byte / 64) for byte in digest]
    return tuple(value / sum(exponents) for value in exponents)


class Server:
    """Answers Predict as the plan file says."""

    def __init__(self, plan_file: Path, calls_file: Path) -> None:
        self._plan_file = plan_file
        self._calls_file = calls_file
        self._stamp: tuple[int, int] | None = None
        self._plan = Plan()
        self._calls = 0

    def plan(self) -> Plan:
        """The plan in force; tests replace the file as a whole."""
        status = self._plan_file.stat()
        stamp = (status.st_mtime_ns, status.st_ino)
        if stamp != self._stamp:
            entry = json.loads(self._plan_file.read_text(encoding="utf-8"))
            self._plan = Plan(**{**entry, "arms": tuple(tuple(arm) for arm in entry["arms"])})
            self._stamp = stamp
        return self._plan

    async def predict(self, payload: bytes, context: Any) -> bytes:
        """Unary handler on bytes."""
        plan = self.plan()
        self._calls += 1
        if self._calls % 100 == 0:
            replace_whole(self._calls_file, str(self._calls))
        turn, rest = divmod(self._calls, plan.every)
        fault = plan.faults[turn % len(plan.faults)] if plan.faults and not rest else None
        request = predict_pb2.PredictRequest.FromString(payload)
        key = dict(context.invocation_metadata()).get(KEY_HEADER, "")
        arm, version, _ = plan.arms[(plan.arm(str(key)) + (fault == "flip")) % len(plan.arms)]
        if fault == "error":
            await context.abort(grpc.StatusCode.UNAVAILABLE, "the fake was told to fail")
        if fault == "silence":
            await asyncio.Event().wait()  # until the caller's deadline cancels this call
        if plan.headers:
            said = "999" if fault == "lying-header" else version
            await context.send_initial_metadata((("tidegate-arm", arm), ("tidegate-version", said)))
        return reply(request, version, fault)


def replace_whole(path: Path, text: str) -> None:
    """Write beside, then rename: a reader never meets half a file."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def reply(request: predict_pb2.PredictRequest, version: str, fault: str | None) -> bytes:
    """The reply's bytes, spoilt as `fault` says."""
    scores = list(scores_for(request.inputs["pixels"].tensor_content, version))
    if fault == "wrong-sum":
        scores[scores.index(max(scores))] = 0.0
    response = predict_pb2.PredictResponse()
    response.model_spec.name = request.model_spec.name
    response.model_spec.signature_name = "serving_default"
    response.model_spec.version.value = int(version)
    tensor = response.outputs["scores"]
    tensor.dtype = tensor_pb2.DT_FLOAT
    for size in (1, 9 if fault == "wrong-shape" else 10):
        tensor.tensor_shape.dim.add().size = size
    tensor.float_val = struct.pack("<10f", *scores)
    payload: bytes = response.SerializeToString()
    return payload


async def serve(folder: Path) -> None:
    """Serve on a free loopback port until SIGTERM or the parent's end.

    In `folder`: plan.json (read), port (written once open), calls (written every 100 calls).
    """
    service = Server(folder / "plan.json", folder / "calls")
    server = grpc.aio.server(options=(("grpc.so_reuseport", 0),))
    _, _, method = PREDICT.rpartition("/")
    handlers: dict[str, Any] = {method: grpc.unary_unary_rpc_method_handler(service.predict)}
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("tensorflow.serving.PredictionService", handlers),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    replace_whole(folder / "port", str(port))
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    loop.add_reader(0, lambda: ended.set() if not os.read(0, 1) else None)
    await ended.wait()
    await server.stop(grace=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    asyncio.run(serve(parser.parse_args().folder))


if __name__ == "__main__":
    main()
