"""A real Admin server on a Unix socket, in a thread of its own: the commands under test block."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gateway.admin.service import AdminServicer
from gateway.admin.socket import claim_state_dir
from protos.stubs.tidegate.admin.v1 import admin_pb2
from tests.unit.gateway.admin.fakes import FakeRollouts

START_TIMEOUT_S = 20.0


@contextmanager
def running_gateway(
    state_dir: Path, rollouts: FakeRollouts, status: admin_pb2.GetStatusResponse | None = None
) -> Iterator[None]:
    """Serve until the block ends."""
    ready, failed = threading.Event(), list[BaseException]()
    loop = asyncio.new_event_loop()
    done = asyncio.Event()

    async def serve() -> None:
        def tell() -> admin_pb2.GetStatusResponse:
            copy = admin_pb2.GetStatusResponse()
            copy.CopyFrom(status or admin_pb2.GetStatusResponse())
            return copy

        admin = claim_state_dir(state_dir)
        await admin.start(AdminServicer(tell, rollouts))
        ready.set()
        await done.wait()
        await admin.close(0)

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except Exception as error:  # noqa: BLE001 -- carried over to the test's own thread
            failed.append(error)
            ready.set()
        finally:
            loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(START_TIMEOUT_S)
    if failed:
        raise failed[0]
    try:
        yield
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(START_TIMEOUT_S)
