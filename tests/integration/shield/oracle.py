"""Asks TensorFlow itself, in a process that may die of the question and is then started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import struct
import sys
from pathlib import Path

from tests.fakes.supervisor import ROOT

ANSWER_S = 240.0  # TensorFlow's import alone takes a minute on a busy machine
ASKED, TOLD = struct.Struct(">I?"), struct.Struct(">I")
DIED = "died"
_ENVIRONMENT = {**os.environ, "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "2"}


class Oracle:
    """`ask` starts the process when none runs; `close` ends it. `deaths` counts what it died of."""

    def __init__(self, models: Path, limit_bytes: int, log: Path) -> None:
        self.deaths = 0
        self._arguments = ("-m", "tests.integration.shield.bare", str(models), str(limit_bytes))
        self._log = log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                *self._arguments,
                cwd=ROOT,
                env=_ENVIRONMENT,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )

    async def ask(self, message: bytes, brave: bool = False) -> tuple[str, str]:
        """(verdict, TensorFlow's words). `brave`: run it whatever the signature says; DIED when that was the end."""
        if self._process is None:
            await self.start()
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None, "started with pipes"
        process.stdin.write(ASKED.pack(len(message), brave) + message)
        try:
            async with asyncio.timeout(ANSWER_S):
                await process.stdin.drain()
                length = TOLD.unpack(await process.stdout.readexactly(TOLD.size))[0]
                told = json.loads(await process.stdout.readexactly(length))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.deaths += 1
            self._process = None
            return DIED, f"exit status {await process.wait()}"
        return told["verdict"], told.get("words", "")

    async def close(self) -> None:
        process = self._process
        if process is None:
            return
        assert process.stdin is not None, "started with a pipe"
        process.stdin.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 10)
        if process.returncode is None:
            process.kill()
            await process.wait()
