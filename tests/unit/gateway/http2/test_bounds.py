"""Bounds: what can't be one is refused when they are made, all of it at once."""

from __future__ import annotations

import pytest

from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.errors import ConnectionFault, ErrorCode, HeaderListTooLarge, StreamFault


def test_every_wrong_bound_is_named_at_once() -> None:
    with pytest.raises(ValueError) as caught:
        Bounds(max_message_bytes=0, max_resets=-1, frame_bytes=16_383, window_bytes=65_534)
    words = str(caught.value)
    assert "max_message_bytes is 0, must be positive" in words
    assert "max_resets is -1" in words
    assert "frame_bytes is 16383, must be from 16384 to 16777215" in words
    assert "window_bytes is 65534, must be from 65535" in words


def test_the_largest_window_is_no_smaller_than_the_first() -> None:
    with pytest.raises(ValueError, match="max_window_bytes is 70000, must be from 80000"):
        Bounds(window_bytes=80_000, max_window_bytes=70_000)


def test_what_may_be_switched_off_may_be_zero_or_none() -> None:
    bounds = Bounds(max_header_table_bytes=0, max_cached_blocks=0, max_continuations=0, idle_timeout_s=None)
    assert bounds.idle_timeout_s is None


def test_a_header_block_may_be_much_larger_than_its_list_before_it_costs_the_connection() -> None:
    assert Bounds(max_header_list_bytes=100).max_block_bytes == 65_536
    assert Bounds(max_header_list_bytes=50_000).max_block_bytes == 200_000


def test_a_budget_of_no_bytes_is_refused() -> None:
    with pytest.raises(ValueError, match="limit_bytes is 0"):
        Buffers(0)
    assert (Buffers(1).limit_bytes, Buffers(1).held_bytes, Buffers(1).refused) == (1, 0, 0)


def test_faults_say_their_code_and_reason() -> None:
    assert str(ConnectionFault(ErrorCode.PROTOCOL_ERROR, "why")) == "PROTOCOL_ERROR: why"
    assert str(StreamFault(ErrorCode.CANCEL, "why")) == "CANCEL: why"
    assert str(HeaderListTooLarge(20, 10)) == "header list of 20 bytes, at most 10 are taken"
