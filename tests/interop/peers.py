"""Drives the programs of tests/peers: builds them once, starts one, sends it commands, hands back its answers."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import subprocess
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from tests.fakes.waiting import DEADLINE_S

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "tests/peers"
BUILT = ROOT / "build/peers"
LINE_BYTES = 32 * 1024 * 1024  # a message of a few MB in base64 is one line
NEEDED = {"go": ("go", "Go 1.26 or newer"), "node": ("npm", "Node.js 20 or newer with npm")}
FAMILIES = tuple(NEEDED)

Pairs = list[tuple[str, str]]


def missing(family: str) -> str | None:
    """What to install before this family's programs can be built; None when nothing."""
    program, wanted = NEEDED[family]
    return None if shutil.which(program) else f"{program} is not installed: install {wanted}"


def build(family: str) -> None:
    """Build the family's client and server. Raises: AssertionError with what the builder said."""
    if family == "go":
        _run(["go", "build", "-buildvcs=false", "-o", f"{BUILT / 'go'}/", "./client", "./server"], SOURCES / "go")
        return
    target = BUILT / "node"
    lock = SOURCES / "node/package-lock.json"
    installed = target / "installed-lock.json"
    shutil.copytree(SOURCES / "node", target, dirs_exist_ok=True)
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        _run(["npm", "ci"], target)
        shutil.copyfile(lock, installed)


def command(family: str, role: str, address: str) -> list[str]:
    """The command line of a built client or server."""
    if family == "go":
        return [str(BUILT / "go" / role), address]
    return ["node", str(BUILT / "node" / f"{role}.js"), address]


def _run(arguments: list[str], folder: Path) -> None:
    ended = subprocess.run(arguments, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, f"{' '.join(arguments)} failed:\n{ended.stdout}{ended.stderr}"


@dataclass(frozen=True, slots=True)
class Ended:
    """How one call ended, as the peer's library tells it. Values of -bin keys are bytes in base64."""

    code: int
    text: str
    message: bytes
    headers: dict[str, str]
    trailers: dict[str, str]
    details: bytes


class Peer:
    """One running program; `start` it, ask it, `stop` it."""

    def __init__(self, family: str, role: str, address: str) -> None:
        self.port = 0
        self._command = command(family, role, address)
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._numbers = count(1)

    async def start(self, wait_for_port: bool = False) -> None:
        """Start it; a server says its port. Raises: AssertionError when it ends instead."""
        self._process = await asyncio.create_subprocess_exec(
            *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES
        )
        if wait_for_port:
            said = await asyncio.wait_for(self._output.readline(), DEADLINE_S)
            assert said, f"{self._command} ended before it listened"
            self.port = json.loads(said)["port"]
        self._reader = asyncio.create_task(self._read())

    async def stop(self) -> int:
        """End its input, wait for its end: the exit status."""
        assert self._process is not None, "not started"
        assert self._process.stdin is not None, "started with a pipe"
        self._process.stdin.close()
        return await self.wait()

    async def wait(self) -> int:
        """The exit status, once it ended; by force when it doesn't."""
        assert self._process is not None, "not started"
        assert self._reader is not None, "not started"
        try:
            status = await asyncio.wait_for(self._process.wait(), DEADLINE_S)
        except TimeoutError:
            self._process.kill()
            raise
        await self._reader
        return status

    def send(self, op: str, number: int | None = None, **fields: Any) -> int:
        """Send a command; its number."""
        assert self._process is not None, "not started"
        assert self._process.stdin is not None, "started with a pipe"
        number = next(self._numbers) if number is None else number
        self._answers.setdefault(number, asyncio.get_running_loop().create_future())
        self._process.stdin.write(json.dumps({"op": op, "id": number, **fields}).encode() + b"\n")
        return number

    async def answer(self, number: int) -> dict[str, Any]:
        """The answer to a command that was sent."""
        return await asyncio.wait_for(self._answers[number], DEADLINE_S)

    async def ended(self, number: int) -> Ended:
        """How a call ended that was sent."""
        told = await self.answer(number)
        return Ended(
            code=told["code"],
            text=told["text"],
            message=base64.b64decode(told["message"] or ""),
            headers=dict(told["headers"]),
            trailers=dict(told["trailers"]),
            details=base64.b64decode(told["details"] or ""),
        )

    async def call(self, path: str, message: bytes, **fields: Any) -> Ended:
        """One unary call."""
        return await self.ended(self.send("call", **unary(path, message), **fields))

    @property
    def _output(self) -> asyncio.StreamReader:
        assert self._process is not None, "not started"
        assert self._process.stdout is not None, "started with a pipe"
        return self._process.stdout

    async def _read(self) -> None:
        while line := await self._output.readline():
            told = json.loads(line)
            self._answers[told["id"]].set_result(told)
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.cancel()


def unary(path: str, message: bytes) -> dict[str, Any]:
    """The fields of a call, without metadata."""
    return {"path": path, "message": base64.b64encode(message).decode()}
