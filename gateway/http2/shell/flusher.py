"""Writes what connections have to send: once for each connection and turn of the loop."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Flushable(Protocol):
    """A connection with something to write; `marked` is the flusher's own."""

    marked: bool

    def flush(self) -> None:
        """Write it."""

    def abort(self) -> None:
        """Close it now."""


class Flusher:
    """One for a loop. What is marked within a turn is written at its end, in one go for each connection."""

    __slots__ = ("_loop", "_marked")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._marked: list[Flushable] = []

    def mark(self, connection: Flushable) -> None:
        """`connection.flush` will run soon, once."""
        if not connection.marked:
            connection.marked = True
            if not self._marked:
                self._loop.call_soon(self._flush)
            self._marked.append(connection)

    def _flush(self) -> None:
        marked, self._marked = self._marked, []
        for connection in marked:
            connection.marked = False
            try:
                connection.flush()
            except Exception as error:  # noqa: BLE001 - whatever a transport raises costs its own connection alone
                self._loop.call_exception_handler({"message": "a connection can't be written to", "exception": error})
                connection.abort()
