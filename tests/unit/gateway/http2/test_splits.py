"""Any split of the bytes of a connection tells the same: what a peer says has no seams."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ErrorCode
from gateway.http2.stream import Kind
from tests.unit.gateway.http2.peers import (
    OK,
    REQUEST,
    RESPONSE,
    STREAMING_PATH,
    RawClient,
    RawPeer,
    RawServer,
    changed,
    data,
    frame,
    headers,
    prefixed,
    request,
    response,
)

BOUNDS = Bounds(max_message_bytes=500, max_control_frames=10**6)
_IDS = st.sampled_from([1, 1, 3, 3, 5, 7, 9])
_DATA = st.sampled_from([b"", prefixed(b"ping"), prefixed(b"ping")[:4], prefixed(bytes(400)), prefixed(bytes(501))])
_PADDED = st.builds(
    lambda number, payload, pad: frame(frames.DATA, frames.PADDED, number, bytes((pad,)) + payload + bytes(pad)),
    _IDS, _DATA, st.integers(0, 20),
)  # fmt: skip
_CONTROL = st.one_of(
    st.builds(frames.ping, st.just(b"12345678")),
    st.builds(frames.window_update, _IDS | st.just(0), st.integers(0, 5000)),
    st.builds(frames.rst_stream, _IDS, st.sampled_from(ErrorCode)),
    st.builds(lambda size: frames.settings([(frames.INITIAL_WINDOW_SIZE, size)]), st.integers(0, 10**5)),
    st.binary(max_size=12),
)
_FIELDS = st.sampled_from([REQUEST, changed(REQUEST, _path=STREAMING_PATH), changed(REQUEST, _path=""), (("x", "y"),)])
_FROM_CLIENT = st.one_of(
    st.builds(request, _IDS),
    st.builds(headers, _IDS, _FIELDS, st.booleans()),
    st.builds(data, _IDS, _DATA, st.booleans()),
    _PADDED,
    _CONTROL,
)
_FROM_SERVER = st.one_of(
    st.builds(response, _IDS),
    st.builds(headers, _IDS, st.sampled_from([RESPONSE, OK, (*RESPONSE, *OK)]), st.booleans()),
    st.builds(data, _IDS, _DATA, st.booleans()),
    _PADDED,
    _CONTROL,
)
_CUTS = st.lists(st.integers(0, 3000), max_size=20)
Told = list[tuple[Kind, int, bytes | None]]


def _told(
    peer: RawPeer, said: bytes, cuts: Sequence[int], reused: bool = False
) -> tuple[Told, ErrorCode | None, list[int]]:
    """Everything that the owner of a core sees of these bytes, and what is left open."""
    edges = [0, *sorted(cut for cut in cuts if cut < len(said)), len(said)]
    for start, stop in pairwise(edges):
        buffer = bytearray(said[start:stop])
        if buffer:  # a view of what is read into again, as the socket's side has it
            peer.events += peer.core.receive(memoryview(buffer) if reused else bytes(buffer), peer.now_us)
            buffer[:] = b"?" * len(buffer)
    core = peer.core
    events = [
        (kind, stream.id, stream.message if message is None else message) for kind, stream, message in peer.events
    ]
    left = list(core.streams)
    return events, core.fault.code if core.fault else None, left


@settings(max_examples=60, deadline=None)
@given(st.lists(_FROM_CLIENT, max_size=12), _CUTS)
def test_a_server_hears_the_same_however_bytes_are_cut(story: list[bytes], cuts: list[int]) -> None:
    said = b"".join(story)
    whole = _told(RawClient(BOUNDS), said, ())
    assert _told(RawClient(BOUNDS), said, cuts) == whole
    assert _told(RawClient(BOUNDS), said, cuts, reused=True) == whole
    assert _told(RawClient(BOUNDS), said, range(len(said))) == whole


@settings(max_examples=60, deadline=None)
@given(st.lists(_FROM_SERVER, max_size=12), _CUTS)
def test_a_client_hears_the_same_however_bytes_are_cut(story: list[bytes], cuts: list[int]) -> None:
    said, told = b"".join(story), []
    for split, reused in (((), False), (cuts, False), (cuts, True), (range(len(said)), False)):
        server = RawServer(BOUNDS)
        for _ in range(4):
            server.call()
        told.append(_told(server, said, split, reused))
    assert told == [told[0]] * 4
