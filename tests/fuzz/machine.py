"""One input, run: its bytes choose what a peer says to a core and what the core's owner does, then all is checked.

What must hold: nothing escapes `receive`, `tick`, `opening` or a command, no bound is passed, a call ends once, and no
byte is counted as held once all streams are gone.
"""

from __future__ import annotations

from collections import Counter

from gateway.http2 import frames
from gateway.http2.bounds import Buffers
from gateway.http2.client import ClientConnection
from gateway.http2.errors import ErrorCode
from gateway.http2.hpack_writer import encode_fields
from gateway.http2.messages import MessageRefused
from gateway.http2.outbox import QUANTUM_BYTES
from gateway.http2.responses import OK_TRAILERS, head_block, tail_block
from gateway.http2.server import ServerConnection
from gateway.http2.stream import HeaderBlock, Kind, Stream
from tests.fuzz import words
from tests.fuzz.checks import check
from tests.fuzz.cursor import Cursor
from tests.unit.gateway.http2.peers import OK, REQUEST, RESPONSE, STREAMING_PATH, data, frame, headers, prefixed

MAX_STEPS = 400
_MAX_ANSWER_BYTES = 512  # of a response without a message
_UNREAD = words.TIGHT.max_unsent_controls + words.TIGHT.max_control_frames + 4 * words.TIGHT.max_concurrent_streams
_TERMINAL = {Kind.REQUEST, Kind.RESPONSE, Kind.FAILED}


def run(given: bytes) -> None:
    """Raises: AssertionError, or whatever escaped the core."""
    cursor = Cursor(given)
    machine = Machine(cursor, cursor.byte())
    for _ in range(MAX_STEPS):
        if not cursor.left:
            break
        machine.step()
        machine.check()
    machine.end()


class Machine:
    """A core, its peer and its owner."""

    def __init__(self, cursor: Cursor, role: int) -> None:
        self._cursor = cursor
        self._now_us = 1_000_000
        self._buffers = Buffers(words.BUFFERS_BYTES)
        self._refused: Counter[str] = Counter()
        self._server: ServerConnection | None = None
        self._client: ClientConnection | None = None
        self._open: dict[int, Stream] = {}  # calls that their owner knows
        self._ended: set[int] = set()
        self._split = 0
        self._said = b""
        self._steps = (
            self._raw, self._frame, self._call, self._block, self._data, self._settings, self._window,
            self._rare, self._time, self._write, self._command, self._command, self._again, self._cut,
        )  # fmt: skip
        common = (words.TIGHT, self._buffers, self._refused)
        if role & 1:
            self._core: ServerConnection | ClientConnection = ClientConnection(*common, self._now_us)
            self._client = self._core
        else:
            self._core = ServerConnection(*common, frozenset({STREAMING_PATH}), self._now_us)
            self._server = self._core
        if not role & 2:  # else the input must say it
            self._say(frames.PREFACE + frames.settings(()) if self._server else frames.settings(()))

    def step(self) -> None:
        """What the next byte says."""
        self._steps[self._cursor.byte() % len(self._steps)]()

    # What the peer does

    def _say(self, said: bytes) -> None:
        self._said = said
        size = self._split or len(said) or 1
        for start in range(0, min(len(said), size * 2000), size):
            part = said[start : start + size]
            for kind, stream, _ in self._core.receive(part, self._now_us):
                self._told(kind, stream)

    def _told(self, kind: Kind, stream: Stream) -> None:
        if kind in _TERMINAL:
            assert stream.id not in self._ended, f"{kind} twice for stream {stream.id}"
            self._ended.add(stream.id)
        if kind in {Kind.REQUEST, Kind.OPENED}:
            self._open[stream.id] = stream
        if kind is Kind.RESPONSE:
            assert stream.message is not None and len(stream.message) <= words.TIGHT.max_message_bytes
        if kind in {Kind.RESPONSE, Kind.FAILED, Kind.RESET}:
            assert stream.id not in self._core.streams, f"stream {stream.id} outlives its {kind}"
            self._open.pop(stream.id, None)

    def _stream_id(self) -> int:
        return words.STREAMS[self._cursor.byte() % len(words.STREAMS)]

    def _raw(self) -> None:
        self._say(self._cursor.take(self._cursor.byte()))

    def _frame(self) -> None:
        kind, flags, stream_id = self._cursor.byte() % 12, self._cursor.byte(), self._stream_id()
        self._say(frame(kind, flags, stream_id, self._cursor.take(self._cursor.byte())))

    def _call(self) -> None:
        stream_id, size = self._stream_id(), words.SIZES[self._cursor.byte() % len(words.SIZES)]
        message = data(stream_id, prefixed(bytes(size))[:16_384], ends=self._server is not None)
        if self._server is not None:
            self._say(headers(stream_id, REQUEST) + message)
        else:
            self._say(headers(stream_id, RESPONSE) + message + headers(stream_id, OK, ends=True))

    def _block(self) -> None:
        block = words.BLOCKS[self._cursor.byte() % len(words.BLOCKS)]
        if self._cursor.byte() & 1:
            block += words.BLOCKS[self._cursor.byte() % len(words.BLOCKS)]
        stream_id, flags = self._stream_id(), self._cursor.byte()
        shape = self._cursor.byte()
        if shape & 2:
            block = self._stream_id().to_bytes(4, "big") + b"\7" + block
        flags = flags & 5 | (frames.PRIORITISED if shape & 2 else 0)
        if shape & 1:  # in two frames
            half = len(block) // 2
            last = frame(frames.CONTINUATION, flags & frames.END_HEADERS, stream_id, block[half:])
            self._say(frame(frames.HEADERS, flags & ~frames.END_HEADERS, stream_id, block[:half]) + last)
        else:
            self._say(frame(frames.HEADERS, flags, stream_id, block))

    def _data(self) -> None:
        payload, flags = words.DATA[self._cursor.byte() % len(words.DATA)], self._cursor.byte()
        if flags & frames.PADDED:
            payload = bytes((flags >> 4,)) + payload + bytes(flags >> 4)
        self._say(frame(frames.DATA, flags, self._stream_id(), payload))

    def _settings(self) -> None:
        self._say(words.settings(self._cursor.byte() % 9, words.NUMBERS[self._cursor.byte() % len(words.NUMBERS)]))

    def _window(self) -> None:
        increment = words.NUMBERS[self._cursor.byte() % len(words.NUMBERS)]
        self._say(frames.window_update(self._stream_id(), increment))

    def _rare(self) -> None:
        choice, stream_id = self._cursor.byte() % 6, self._stream_id()
        opaque = (b"12345678", b"tg-bdp\0\0", b"tg-alive", b"tg-drain")[self._cursor.byte() % 4]
        said = (
            frame(frames.RST_STREAM, 0, stream_id, self._cursor.byte().to_bytes(4, "big")),
            frames.ping(opaque),
            frames.ping_ack(opaque),
            frame(frames.GOAWAY, 0, 0, stream_id.to_bytes(4, "big") + bytes(4)),
            frame(frames.PRIORITY, 0, stream_id, self._stream_id().to_bytes(4, "big") + b"\1"),
            frames.SETTINGS_ACK,
        )
        self._say(said[choice])

    def _again(self) -> None:
        said = self._said
        for _ in range(self._cursor.byte() % 32):
            self._say(said)

    def _cut(self) -> None:
        self._split = self._cursor.byte() % 20

    # What time and the owner do

    def _time(self) -> None:
        self._now_us += 10 ** (self._cursor.byte() % 8)
        self._core.tick(self._now_us)

    def _write(self) -> None:
        outbox = self._core.outbox
        outbox.writable = bool(self._cursor.byte() & 1)
        chunks, _ = outbox.take()
        size = sum(map(len, chunks))
        assert size <= QUANTUM_BYTES + _MAX_ANSWER_BYTES * _UNREAD, f"{size} bytes were waiting"

    def _command(self) -> None:
        choice = self._cursor.byte()
        if choice % 8 == 0 and self._open:
            stream = self._open.pop(next(iter(self._open)))
            self._core.reset(stream, ErrorCode.CANCEL)
        elif self._client is not None:
            self._send(self._client, choice)
        elif self._server is not None:
            self._answer(self._server, choice)

    def _send(self, client: ClientConnection, choice: int) -> None:
        if not client.has_room or len(client.streams) >= words.TIGHT.max_concurrent_streams:
            return
        message = bytes(words.SIZES[choice % 8])
        try:
            stream = client.send(
                HeaderBlock(encode_fields(REQUEST)), message if choice & 1 else (message,), self._now_us
            )
        except MessageRefused:
            return
        self._open[stream.id] = stream

    def _answer(self, server: ServerConnection, choice: int) -> None:
        if choice % 16 == 1:
            server.drain(self._now_us)
            return
        if not self._open:
            return
        stream = next(iter(self._open.values()))
        message = bytes(words.SIZES[choice % len(words.SIZES)])
        if not stream.streaming:
            del self._open[stream.id]
            if choice & 1:
                server.respond(stream, head_block(()), (message, b"more") if choice & 2 else message, OK_TRAILERS)
            else:
                server.respond_without(stream, tail_block(5, "no", (), alone=True))
        elif choice % 4 == 0:
            server.begin(stream, head_block(()))
        elif choice % 4 == 1:
            del self._open[stream.id]
            server.finish(stream, OK_TRAILERS)
        else:
            server.push(stream, message)

    def check(self) -> None:
        """What must hold after each step."""
        check(self._core, self._buffers)

    def end(self) -> None:
        """The socket is gone."""
        self._core.abandon()
        assert self._buffers.held_bytes == 0 and not self._core.streams
