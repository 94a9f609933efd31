"""Receive windows: refilled at half, grown by what a round trip brings, never beyond their bound."""

from __future__ import annotations

import pytest

from gateway.http2 import frames
from gateway.http2.bounds import Bounds
from gateway.http2.errors import ConnectionFault, ErrorCode
from gateway.http2.windows import CONNECTION_WINDOWS, SAMPLE, ReceiveWindows
from tests.unit.gateway.http2.peers import Frame, parsed

WINDOW = 100_000
WHOLE = WINDOW * CONNECTION_WINDOWS


def _windows(most: int = 1_000_000) -> ReceiveWindows:
    windows = ReceiveWindows(Bounds(window_bytes=WINDOW, max_window_bytes=most))
    windows.open()
    return windows


def _increment(update: bytes) -> int:
    (said,) = parsed(update)
    assert (said.kind, said.stream_id) == (frames.WINDOW_UPDATE, 0)
    return int.from_bytes(said.payload, "big")


def test_opening_raises_the_connections_window_from_the_default_to_ours() -> None:
    windows = ReceiveWindows(Bounds(window_bytes=WINDOW))
    assert _increment(windows.open()) == WHOLE - frames.DEFAULT_WINDOW_BYTES


def test_half_a_window_costs_no_update_and_one_byte_more_fills_it_again() -> None:
    windows = _windows()
    assert windows.take(WHOLE // 2) == b""
    assert _increment(windows.take(1)) == WHOLE // 2 + 1
    assert windows.take(WHOLE // 2) == b""


def test_the_whole_window_may_be_used_and_no_byte_more() -> None:
    assert _increment(_windows().take(WHOLE)) == WHOLE
    with pytest.raises(ConnectionFault) as caught:
        _windows().take(WHOLE + 1)
    assert caught.value.code is ErrorCode.FLOW_CONTROL_ERROR


def test_one_ping_at_a_time_measures() -> None:
    windows = _windows()
    assert parsed(windows.sample()) == [Frame(frames.PING, 0, 0, SAMPLE)]
    assert windows.sample() == b""
    assert windows.sampled() == b""
    assert windows.sample() != b""


def test_an_answer_to_no_sample_changes_nothing() -> None:
    windows = _windows()
    windows.take(WINDOW)
    assert windows.sampled() == b""
    assert windows.stream_bytes == WINDOW


def test_two_thirds_of_a_window_in_a_round_trip_double_it() -> None:
    windows = _windows()
    windows.sample()
    windows.take(WINDOW * 2 // 3 + 1)
    said = parsed(windows.sampled())
    assert said[0] == Frame(frames.SETTINGS, 0, 0, b"\0\4" + (2 * WINDOW).to_bytes(4, "big"))
    assert _increment(frames.window_update(0, int.from_bytes(said[1].payload, "big"))) == WHOLE
    assert windows.stream_bytes == 2 * WINDOW


def test_less_than_two_thirds_leave_it() -> None:
    windows = _windows()
    windows.sample()
    windows.take(WINDOW * 2 // 3 - 1)
    assert windows.sampled() == b""


def test_more_than_a_window_in_a_round_trip_doubles_what_came() -> None:
    windows = _windows()
    windows.sample()
    windows.take(WINDOW * 3)
    windows.sampled()
    assert windows.stream_bytes == 6 * WINDOW


def test_it_never_grows_beyond_its_bound_and_is_measured_no_more_then() -> None:
    windows = _windows(most=WINDOW * 3 // 2)
    windows.sample()
    windows.take(WINDOW)
    windows.sampled()
    assert windows.stream_bytes == WINDOW * 3 // 2
    assert windows.sample() == b""


def test_the_connections_window_stays_within_31_bits() -> None:
    windows = ReceiveWindows(Bounds(window_bytes=frames.MAX_WINDOW_BYTES, max_window_bytes=frames.MAX_WINDOW_BYTES))
    assert _increment(windows.open()) == frames.MAX_WINDOW_BYTES - frames.DEFAULT_WINDOW_BYTES


def test_a_window_as_small_as_the_default_needs_no_update_to_open() -> None:
    windows = ReceiveWindows(Bounds(window_bytes=frames.DEFAULT_WINDOW_BYTES))
    windows.open()
    assert windows._resize(10) == b""
