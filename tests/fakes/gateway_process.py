"""A gateway as users start it: a child process, its client port, its pages, its log."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import grpc

from gateway.upstream.policy import Transport
from protos.stubs.tidegate.wire.v1 import predict_pb2
from tests.fakes.tensors import PREDICT, floats_of
from tests.fakes.waiting import DEADLINE_S, until

ROOT = Path(__file__).parents[2]
# Where the gateway's sources lie; elsewhere for its compiled build (`make compiled`).
GATEWAY_DIR = Path(os.environ.get("TIDEGATE_GATEWAY_DIR", ROOT))


class GatewayProcess:
    """`start`, call it, then `stop`. Its files are in `folder`, which must be fresh; `gateway_dir` has its code."""

    def __init__(self, folder: Path, *arguments: str, gateway_dir: Path = GATEWAY_DIR) -> None:
        self.folder = folder
        self.arguments = arguments
        self._gateway_dir = gateway_dir
        self.state_dir = folder / "state"
        self.port = self.http_port = 0
        self._log = folder / "gateway.log"
        self._process: asyncio.subprocess.Process | None = None
        self._channel: grpc.aio.Channel | None = None

    async def start(self) -> None:
        """Start it and wait until it serves. Raises: AssertionError with its log when it ends instead."""
        await self.spawn()
        port_file = self.folder / "ports.json"
        await until(lambda: port_file.exists() or self.status is not None, "the gateway's ports")
        assert self.status is None, f"the gateway ended with {self.status}:\n{self.log}"
        bound = json.loads(port_file.read_text(encoding="utf-8"))
        self.port, self.http_port = bound["port"], bound["http_port"]

    async def spawn(self) -> None:
        """Start the process without waiting for its ports."""
        command = [sys.executable, "-m", "gateway", "--port-file", str(self.folder / "ports.json")]
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                "--state-dir",
                str(self.state_dir),
                "--exit-with-parent",
                *self.arguments,
                cwd=self._gateway_dir,
                stdin=asyncio.subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None, "not started"
        return self._process.pid

    @property
    def status(self) -> int | None:
        """Its exit status, None while it runs."""
        return None if self._process is None else self._process.returncode

    @property
    def log(self) -> str:
        return self._log.read_text(encoding="utf-8")

    @property
    def channel(self) -> grpc.aio.Channel:
        """A channel to the client port, made at its first use."""
        if self._channel is None:
            self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.port}")
        return self._channel

    def signal(self, number: signal.Signals) -> None:
        assert self._process is not None, "not started"
        self._process.send_signal(number)

    def end_input(self) -> None:
        """Close its standard input, as a parent's death does."""
        assert self._process is not None, "not started"
        assert self._process.stdin is not None, "started with a pipe"
        self._process.stdin.close()

    async def wait(self) -> int:
        """Its exit status, once it ended."""
        assert self._process is not None, "not started"
        return await asyncio.wait_for(self._process.wait(), DEADLINE_S)

    async def stop(self) -> int:
        """SIGTERM, then its exit status; by force when it doesn't end."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None
        assert self._process is not None, "not started"
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(self._process.wait(), 15)
            except TimeoutError:
                self._process.kill()
                await self._process.wait()
        assert self._process.returncode is not None, "just waited for"
        return self._process.returncode

    async def get(self, path: str) -> tuple[int, str]:
        """One of the HTTP pages: (status, text)."""
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{self.http_port}{path}") as response,
        ):
            return response.status, await response.text()

    async def metric(self, name: str, **labels: str) -> float:
        """A sample of /metrics, the sum over those whose labels include these; 0 when there is none."""
        _, text = await self.get("/metrics")
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = [line for line in text.splitlines() if line.startswith((name + " ", name + "{"))]
        return sum(float(line.rpartition(" ")[2]) for line in lines if all(label in line for label in wanted))

    async def metric_reaches(self, at_least: float, name: str, **labels: str) -> None:
        """Wait for a metric to be that large."""
        end_s = time.monotonic() + DEADLINE_S
        while await self.metric(name, **labels) < at_least:
            assert time.monotonic() < end_s, f"{name} {labels} never reached {at_least}\n{self.log}"
            await asyncio.sleep(0.02)

    async def call(self, path: str, message: bytes, timeout_s: float = DEADLINE_S, **headers: str) -> bytes:
        """One unary call on bytes. Raises: grpc.aio.AioRpcError."""
        metadata = tuple((key.replace("_", "-"), value) for key, value in headers.items())
        method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(path)
        return await method(message, timeout=timeout_s, metadata=metadata)

    async def predict(
        self, request: predict_pb2.PredictRequest, timeout_s: float = DEADLINE_S, **headers: str
    ) -> tuple[int, list[float]]:
        """(the version that answered, the values of y). Raises: grpc.aio.AioRpcError."""
        reply = await self.call(PREDICT, request.SerializeToString(), timeout_s, **headers)
        response = predict_pb2.PredictResponse.FromString(reply)
        return response.model_spec.version.value, floats_of(response.outputs["y"])

    async def predict_until(self, request: predict_pb2.PredictRequest, version: int) -> None:
        """Call again and again until that version answers; no call may fail on the way."""
        end_s = time.monotonic() + DEADLINE_S
        while (await self.predict(request))[0] != version:
            assert time.monotonic() < end_s, f"version {version} never answered\n{self.log}"


async def refusal(call: Any) -> tuple[grpc.StatusCode, str]:
    """Code and text of a call that must fail."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details() or ""
    raise AssertionError(f"wanted an error, got {answer!r}")


def write_config(
    path: Path,
    replicas: Sequence[str],
    text: str = "default_upstream: pool\n",
    transport: Transport = Transport.HTTP2,
    server: str = "",
) -> None:
    """A gateway.yaml before these replicas on free ports, one transport on both sides. Replaced whole.

    `text` is the rest of the file, from within `upstreams` on; `server` more keys of that section.
    """
    listed = ", ".join(f'"{address}"' for address in replicas)
    pool = f"  pool:\n    replicas: [{listed}]\n    transport: {transport}\n"
    head = f"server: {{port: 0, transport: {transport}{server}}}\nhttp: {{port: 0}}\nupstreams:\n{pool}"
    draft = path.with_suffix(".tmp")
    draft.write_text(head + text, encoding="utf-8")
    draft.replace(path)
