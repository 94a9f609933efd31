"""A client and a server that talk over a wire which cuts bytes anywhere: every call ends once, and rightly."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.connection import Connection
from gateway.http2.errors import ErrorCode
from gateway.http2.grpc_fields import RESOURCE_EXHAUSTED
from gateway.http2.messages import MessageRefused
from gateway.http2.responses import tail_block
from gateway.http2.stream import Fate, Kind, Stream
from tests.unit.gateway.http2.peers import Pair

BOUNDS = Bounds(
    max_message_bytes=300_000,
    max_concurrent_streams=8,
    window_bytes=65_535,
    max_window_bytes=200_000,
    frame_bytes=20_000,
    max_connection_bytes=1_000_000,
    max_stream_bytes=700_000,
    preface_timeout_s=None,
    request_timeout_s=None,
    write_timeout_s=None,
)
SIZES = st.sampled_from([0, 1, 10, 1000, 16_379, 16_380, 65_535, 70_000, 299_999, 300_000])
WINDOWS = st.sampled_from([1, 100, 16_384, 65_535, 300_000])
ENDS = {Kind.RESPONSE, Kind.FAILED}


def _message(number: int, size: int) -> bytes:
    return (number.to_bytes(4, "big") * (size // 4 + 1))[:size]


class Conversation(RuleBasedStateMachine):
    """Replies are the request's message again, or an error of the server's, or what a reset makes of it."""

    def __init__(self) -> None:
        super().__init__()
        self.pair = Pair(BOUNDS, BOUNDS)
        self.up = self.down = b""  # on the wire
        self.sent: dict[int, bytes] = {}
        self.errors: set[int] = set()  # calls that the server answered by one
        self.reset: set[int] = set()  # by either side
        self.left: set[int] = set()  # calls that the client's owner gave up
        self.draining = False

    def _move(self) -> None:
        for chunks, core in ((self.up, self.pair.client), (self.down, self.pair.server)):
            new = b"".join(core.outbox.take()[0])
            if core is self.pair.client:
                self.up = chunks + new
            else:
                self.down = chunks + new

    @precondition(lambda self: self.pair.client.has_room and len(self.pair.client.streams) < 8)
    @rule(size=SIZES, cut=st.booleans())
    def call(self, size: int, cut: bool) -> None:
        """The client sends one."""
        number = self.pair.client._next_id
        message = _message(number, size)
        try:
            self.pair.send((message[:5], message[5:]) if cut else message)
        except MessageRefused as refusal:
            assert refusal.code == RESOURCE_EXHAUSTED
            return
        self.sent[number] = message

    @precondition(lambda self: self.pair.requests)
    @rule(pick=st.integers(0, 7), how=st.sampled_from(["message", "message", "pieces", "error"]))
    def answer(self, pick: int, how: str) -> None:
        """The server answers one of those it has."""
        stream = self._picked(self.pair.requests, pick)
        assert stream.message == self.sent[stream.id]
        if how == "error":
            self.pair.server.respond_without(stream, tail_block(9, "no", (), alone=True))
            self.errors.add(stream.id)
        else:
            whole = stream.message or b""
            if not self.pair.answer(stream, whole if how == "message" else (whole[:7], whole[7:])):
                self.errors.add(stream.id)

    @rule(which=st.booleans(), cut=st.integers(1, 70_000))
    def carry(self, which: bool, cut: int) -> None:
        """Some bytes arrive, one way or the other."""
        self._move()
        if which:
            part, self.up = self.up[:cut], self.up[cut:]
            self.pair.to_server(part)
        else:
            part, self.down = self.down[:cut], self.down[cut:]
            self.pair.to_client(part)

    @precondition(lambda self: self.pair.client.streams)
    @rule(pick=st.integers(0, 7))
    def leave(self, pick: int) -> None:
        """The client's owner gives up a call."""
        stream = list(self.pair.client.streams.values())[pick % len(self.pair.client.streams)]
        self.pair.client.reset(stream, ErrorCode.CANCEL)
        self.left.add(stream.id)

    @precondition(lambda self: self.pair.requests)
    @rule(pick=st.integers(0, 7))
    def abort(self, pick: int) -> None:
        """The server's owner gives up a call."""
        stream = self._picked(self.pair.requests, pick)
        self.pair.server.reset(stream, ErrorCode.INTERNAL_ERROR)
        self.reset.add(stream.id)

    @rule(which=st.booleans(), size=WINDOWS)
    def change_window(self, which: bool, size: int) -> None:
        """One side says new settings; what it lets the other send is its own account's business, so never less."""
        core: Connection = self.pair.client if which else self.pair.server
        grown = size - core.intake.windows.stream_bytes
        if grown > 0:
            core.intake.windows.stream_bytes = size
            for stream in core.streams.values():
                stream.receive_window += grown
        core.outbox.control(frames.settings([(frames.INITIAL_WINDOW_SIZE, size), (frames.HEADER_TABLE_SIZE, size)]))
        core.outbox.control(frames.settings([(frames.INITIAL_WINDOW_SIZE, core.intake.windows.stream_bytes)]))

    @rule(which=st.booleans())
    def stop_or_go_on_writing(self, which: bool) -> None:
        """A socket is full, or takes bytes again."""
        outbox = (self.pair.client if which else self.pair.server).outbox
        outbox.writable = not outbox.writable

    @rule(seconds=st.sampled_from([0.1, 0.9, 2.0]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.pair.now_us += int(seconds * 1e6)
        self.pair.client.tick(self.pair.now_us)
        self.pair.server.tick(self.pair.now_us)

    @rule()
    def drain(self) -> None:
        """The server asks the client to go."""
        self.pair.server.drain(self.pair.now_us)
        self.draining = True

    def _picked(self, streams: list[Stream], pick: int) -> Stream:
        return streams.pop(pick % len(streams))

    @invariant()
    def nobody_is_at_fault(self) -> None:
        """Both keep to the protocol, so neither may blame the other."""
        assert self.pair.client.fault is None
        assert self.pair.server.fault is None
        assert set(self.pair.refused) <= {"message", "streams"}

    @invariant()
    def each_call_ended_at_most_once_and_rightly(self) -> None:
        """And the ones that did are open no more."""
        ended = [stream.id for kind, stream, _ in self.pair.ended if kind in ENDS]
        assert len(ended) == len(set(ended))
        assert not set(ended) & self.left
        for kind, stream, message in self.pair.ended:
            assert stream.id not in self.pair.client.streams
            if kind is Kind.RESPONSE:
                assert message == self.sent[stream.id]
            else:
                assert stream.failure is not None
                refused = stream.failure.fate is Fate.REFUSED
                known = stream.id in self.errors | self.reset or stream.failure.code == RESOURCE_EXHAUSTED
                assert known or (refused and self.draining)

    def teardown(self) -> None:
        """All that is open comes to its end: every call ended, and nothing is held."""
        pair = self.pair
        pair.client.outbox.writable = pair.server.outbox.writable = True
        moved = True
        while moved:
            self._move()
            moved = bool(self.up or self.down or pair.requests)
            up, down, self.up, self.down = self.up, self.down, b"", b""
            pair.to_server(up)
            pair.to_client(down)
            while pair.requests:
                stream = pair.requests.pop()
                if not pair.answer(stream, stream.message or b""):
                    self.errors.add(stream.id)
        self.nobody_is_at_fault()
        self.each_call_ended_at_most_once_and_rightly()
        ended = {stream.id for kind, stream, _ in pair.ended if kind in ENDS}
        assert ended | self.left == set(self.sent)
        assert (pair.client.streams, pair.server.streams) == ({}, {})
        assert pair.buffers.held_bytes == 0


TestConversation = Conversation.TestCase
TestConversation.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)
