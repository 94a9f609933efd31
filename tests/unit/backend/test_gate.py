"""Promises of backend.gate and backend.errors: a full server refuses at once, long texts are cut."""

from __future__ import annotations

import pytest

from backend.errors import ServingError, truncated
from backend.gate import Gate


def test_calls_beyond_the_limit_are_refused_until_one_leaves() -> None:
    gate = Gate(1)
    with gate:
        with pytest.raises(ServingError, match=r"^RESOURCE_EXHAUSTED: Server Threadpool Exhausted$"), gate:
            pass
        with pytest.raises(ServingError), gate:
            pass
    with gate:
        pass


def test_waiting_for_idle_ends_when_the_last_call_leaves_or_time_is_over() -> None:
    gate = Gate(2)
    assert gate.wait_idle(0)
    with gate:
        assert not gate.wait_idle(0)
    assert gate.wait_idle(0)


def test_a_limit_below_one_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="wanted 1 or more"):
        Gate(0)


def test_messages_are_cut_at_1024_characters() -> None:
    assert truncated("x" * 1024) == "x" * 1024
    assert truncated("x" * 1025) == "x" * 1024 + "...TRUNCATED"
