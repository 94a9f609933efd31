"""Keeps a fake replica's process alive on one port, as Kubernetes would: who dies is started again."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from pathlib import Path

from tests.fakes.waiting import until

ROOT = Path(__file__).parents[2]


class Supervisor:
    """`start`, then `deaths` counts; `close` ends the child. The port stays the same over restarts."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.deaths = 0
        self.address = ""
        self._port_file = folder / "port"
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> str:
        """Start the child; its address once it listens."""
        self._task = asyncio.create_task(self._keep(), name="supervisor")
        await until(self._port_file.exists, "the fake replica's port")
        self.address = f"127.0.0.1:{self._port_file.read_text(encoding='utf-8')}"
        return self.address

    @property
    def alive(self) -> bool:
        """Whether a child that has opened its port runs now."""
        process = self._process
        return process is not None and process.returncode is None and self._port_file.exists()

    def kill(self) -> None:
        """kill -9 for the child; it counts as a death."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    async def close(self) -> None:
        """End the child by the end of its standard input, or by force."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        process = self._process
        if process is not None and process.returncode is None:
            if process.stdin is not None:
                process.stdin.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), 5)
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _keep(self) -> None:
        port = "0"
        while True:
            self._port_file.unlink(missing_ok=True)
            command = [sys.executable, "-m", "tests.fakes.replica", "--port-file", str(self._port_file)]
            self._process = await asyncio.create_subprocess_exec(
                *command,
                "--port",
                port,
                *self._arguments,
                cwd=ROOT,
                stdin=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
            await self._process.wait()
            self.deaths += 1
            port = self.address.rpartition(":")[2] or "0"
