"""A fake TensorFlow Serving replica over grpc.aio: in a test's own loop, or as a child process that can die.

As a child: `python -m tests.fakes.replica --port-file F [--port P] [--versions 1,2] [--die-on 666] [--fragile]`; it
ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import os
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import grpc
from google.protobuf.message import DecodeError

from protos.stubs.tidegate.wire.v1 import predict_pb2
from tests.fakes.behaviour import AVAILABLE, FakeModel, FakeServing, Fault, Received, Refused
from tests.fakes.tensors import CLASSIFY, METADATA, PREDICT, RELOAD, STATUS, floats_of

Context = grpc.aio.ServicerContext[bytes, bytes]
_ORDER = count()
_OPTIONS = (
    ("grpc.so_reuseport", 0),
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
)
EXIT_KILLED = 134  # what a shell says of an abort()


class FakeReplica:
    """One listening fake. `start` it, let the test change `serving` and `inject` faults, read `received`, `stop` it."""

    def __init__(
        self,
        serving: FakeServing | None = None,
        die_on: float | None = None,
        fragile: bool = False,
        hold_on: float | None = None,
        held: Path | None = None,
    ) -> None:
        self.serving = serving or FakeServing()
        self.received: list[Received] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.address = ""
        self._die_on = die_on
        self._fragile = fragile
        self._hold_on = hold_on
        self._held = held
        self._faults: list[Fault] = []
        self._server: grpc.aio.Server | None = None

    async def start(self, address: str = "127.0.0.1:0", credentials: grpc.ServerCredentials | None = None) -> str:
        """Listen, with TLS if given credentials; the address with the bound port. Raises: RuntimeError: busy port."""
        self._server = grpc.aio.server(options=_OPTIONS)
        self._server.add_generic_rpc_handlers((_Methods(self),))
        if credentials is None:
            port = self._server.add_insecure_port(address)
        else:
            port = self._server.add_secure_port(address, credentials)
        await self._server.start()
        self.address = f"{address.rpartition(':')[0]}:{port}"
        return self.address

    async def stop(self) -> None:
        """Go at once, as a process does that ends: calls in flight are cut."""
        if self._server is not None:
            await self._server.stop(0)
            self._server = None

    def inject(self, fault: Fault) -> None:
        """What befalls the next calls; faults wait in line, each for its method."""
        self._faults.append(fault)

    def recover(self) -> None:
        """Drop the faults that wait."""
        self._faults.clear()

    @property
    def faulty(self) -> bool:
        """Whether faults still wait for their calls."""
        return bool(self._faults)

    def calls(self, method: str = "Predict") -> list[Received]:
        """What came by this method, in order."""
        return [entry for entry in self.received if entry.method == method]

    async def handle(self, method: str, message: bytes, context: Context) -> bytes:
        """Answer one call, or let its fault happen."""
        entries = tuple((str(key), value) for key, value in context.invocation_metadata() or ())
        entry = Received(method, message, dict(entries), context.time_remaining(), next(_ORDER), entries=entries)
        self.received.append(entry)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self._suffer(method)
            if method == "Predict" and self._hold_on is not None and self._hold_on in _values_of(message):
                await self._hold()
            return self._answer(method, message)
        except Refused as refused:
            context.set_trailing_metadata(refused.trailers)
            await context.abort(refused.code, refused.message)
            raise  # never reached: abort raises
        except asyncio.CancelledError:
            entry.cancelled = True
            raise
        finally:
            self.in_flight -= 1

    async def _suffer(self, method: str) -> None:
        fault = next((fault for fault in self._faults if fault.method == method), None)
        if fault is None:
            return
        fault.times -= 1
        if not fault.times:
            self._faults.remove(fault)
        if fault.until is not None:
            await fault.until.wait()
        if fault.code is not None:
            raise Refused(fault.code, fault.message, fault.trailers)

    def _answer(self, method: str, message: bytes) -> bytes:
        serving = self.serving
        match method:
            case "Predict":
                self._maybe_die(message)
                return serving.predict(message)
            case "GetModelMetadata":
                return serving.metadata(message)
            case "GetModelStatus":
                return serving.status(message)
            case "HandleReloadConfigRequest":
                return serving.reload(message)
            case _:
                return message  # Classify: an echo, so that a test sees what was forwarded

    async def _hold(self) -> None:
        """Never answer; the file `held` tells other processes."""
        if self._held is not None:
            self._held.touch()
        await asyncio.Event().wait()

    def _maybe_die(self, message: bytes) -> None:
        """As TensorFlow Serving's process does on some inputs: gone, with every call in flight."""
        try:
            tensor = predict_pb2.PredictRequest.FromString(message).inputs["x"]
        except DecodeError:
            return
        if self._die_on is not None and self._die_on in floats_of(tensor):
            os._exit(EXIT_KILLED)
        if self._fragile and len(tensor.tensor_shape.dim) != 2:
            os._exit(EXIT_KILLED)


def _values_of(message: bytes) -> list[float]:
    return floats_of(predict_pb2.PredictRequest.FromString(message).inputs["x"])


class _Methods(grpc.GenericRpcHandler):
    def __init__(self, replica: FakeReplica) -> None:
        self._handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            path: grpc.unary_unary_rpc_method_handler(_handler(replica, path.rpartition("/")[2]))
            for path in (PREDICT, CLASSIFY, METADATA, STATUS, RELOAD)
        }

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[bytes, bytes] | None:
        return self._handlers.get(details.method)


def _handler(replica: FakeReplica, method: str) -> Callable[[bytes, Context], Awaitable[bytes]]:
    async def handle(message: bytes, context: Context) -> bytes:
        return await replica.handle(method, message, context)

    return handle


async def serve(arguments: argparse.Namespace) -> None:
    """Until standard input ends, or a call kills the process."""
    states = {int(version): AVAILABLE for version in arguments.versions.split(",")}
    serving = FakeServing({arguments.model: FakeModel(states)})
    held = arguments.port_file.with_name("held")
    replica = FakeReplica(serving, arguments.die_on, arguments.fragile, arguments.hold_on, held)
    address = await replica.start(f"127.0.0.1:{arguments.port}")
    draft = arguments.port_file.with_suffix(".tmp")
    draft.write_text(address.rpartition(":")[2], encoding="utf-8")
    draft.replace(arguments.port_file)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(0, lambda: None if os.read(0, 4096) else ended.set())
    await ended.wait()
    await replica.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port-file", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--model", default="digits")
    parser.add_argument("--versions", default="1")
    parser.add_argument("--die-on", type=float)
    parser.add_argument("--hold-on", type=float, help="never answer calls with this value; the file `held` says so")
    parser.add_argument("--fragile", action="store_true", help="die of inputs whose rank is not 2")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
