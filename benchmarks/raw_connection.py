"""One connection of our raw generator: sends prepared requests one after another, checks every reply whole."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import cast

from benchmarks import frames
from benchmarks.frames import Splitter, WrongPeer, frame
from benchmarks.one_field import OneField

Keep = Callable[[str | None, bytes], None]
WINDOW = 2**30  # more than all replies of one connection together


class RawConnection(asyncio.Protocol):
    """`requests` are sent in order, one in flight; `ended` is told each time `start`'s number of calls is over.

    `reply_bytes`: length of the right reply's DATA, its five bytes of gRPC framing counted. `keep`: called with each
    call's grpc-status (None: the stream was reset, or had no trailers) and DATA, where they matter.
    """

    def __init__(
        self, requests: Sequence[bytes], reply_bytes: int, ended: Callable[[], None], keep: Keep | None = None
    ) -> None:
        self.answered = 0
        self.problem = ""
        self._requests, self._reply_bytes, self._ended = requests, reply_bytes, ended
        self._splitter, self._grpc_status = Splitter(), OneField("grpc-status")
        self._keep, self._parts = keep, list[bytes]()
        self._next = self._until = 0
        self._calling = False
        self._room = frames.FIRST_WINDOW
        self._data_bytes = 0
        self._block = b""
        self._status: str | None = None
        self._out: list[bytes] = []
        self._stalled = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass
        asked = frames.settings(initial_window_size=WINDOW)
        self._transport.write(frames.PREFACE + asked + frames.window_update(0, WINDOW))

    def start(self, calls: int) -> None:
        """Make the next `calls` calls."""
        self._until = self._next + calls
        self._calling = True
        if self.problem or not calls:
            self._over()
            return
        self._send()
        self._flush()

    def close(self) -> None:
        """No more calls are made."""
        self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._fail(f"connection lost: {error!r}")

    def data_received(self, data: bytes) -> None:
        try:
            for received in self._splitter.split(data):
                self._receive(*received)
        except (WrongPeer, IndexError) as error:
            self._fail(repr(error))
            self._transport.abort()
            return
        self._flush()

    def _receive(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind in {frames.HEADERS, frames.CONTINUATION}:
            self._block += frames.content(flags, payload) if kind == frames.HEADERS else payload
            if flags & frames.END_HEADERS:
                self._status, self._block = self._grpc_status.read(self._block), b""
        elif kind == frames.DATA:
            content = frames.content(flags, payload)
            self._data_bytes += len(content)
            if self._keep is not None:
                self._parts.append(content)
        else:
            self._receive_other(kind, flags, stream, payload)
            return
        if flags & frames.END_STREAM and kind != frames.CONTINUATION:
            self._answered(kind == frames.HEADERS)

    def _receive_other(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == frames.WINDOW_UPDATE and not stream:
            self._room += int.from_bytes(payload, "big")
            if self._stalled:
                self._send()
        elif kind == frames.SETTINGS and not flags & frames.ACK:
            self._heed(frames.read_settings(payload))
        elif kind == frames.PING and not flags & frames.ACK:
            self._out.append(frame(frames.PING, frames.ACK, 0, payload))
        elif kind == frames.RST_STREAM:
            self._answered(False)
        elif kind == frames.GOAWAY:
            raise WrongPeer(f"GOAWAY, error {int.from_bytes(payload[4:8], 'big')}")

    def _heed(self, asked: dict[int, int]) -> None:
        """Requests are made for the defaults, so a peer may only allow more. Raises: WrongPeer."""
        table = asked.get(frames.HEADER_TABLE_SIZE, frames.TABLE_BYTES)
        window = asked.get(frames.INITIAL_WINDOW_SIZE, frames.FIRST_WINDOW)
        if table < frames.TABLE_BYTES or window < max(map(len, self._requests)):
            raise WrongPeer(f"SETTINGS allow a header table of {table} bytes, a window of {window}: too little")
        self._out.append(frame(frames.SETTINGS, frames.ACK, 0))

    def _send(self) -> None:
        request = self._requests[self._next]
        self._stalled = len(request) > self._room
        if not self._stalled:
            self._room -= len(request)  # a few bytes of frame heads more than counts: to the safe side
            self._next += 1
            self._data_bytes, self._status = 0, None
            self._out.append(request)

    def _answered(self, with_trailers: bool) -> None:
        """One call is over, well or not."""
        self.answered += with_trailers and self._status == "0" and self._data_bytes == self._reply_bytes
        if self._keep is not None:
            self._keep(self._status if with_trailers else None, b"".join(self._parts))
            self._parts.clear()
        if self._next < self._until:
            self._send()
        else:
            self._over()

    def _over(self) -> None:
        if self._calling:
            self._calling = False
            self._ended()

    def _flush(self) -> None:
        if self._out:
            self._transport.write(b"".join(self._out))
            self._out.clear()

    def _fail(self, problem: str) -> None:
        if not self.problem:
            self.problem = problem
            self._over()
