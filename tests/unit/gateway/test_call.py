"""A call ends exactly once, whoever ends it; its deadline is a point, not a length."""

from __future__ import annotations

import pytest

from gateway.call import NEVER_US, Call, Deadline, Headers, monotonic_us
from gateway.errors import Failure, Shed

Ended = tuple[bytes | None, Failure | None, Headers]


def make_call(ends: list[Ended]) -> Call:
    return Call("Predict", b"m", (), Deadline(), 0, lambda *end: ends.append(end))


def test_only_the_first_end_counts() -> None:
    ends: list[Ended] = []
    call = make_call(ends)
    call.reply(b"answer", (("a", "b"),))
    call.reply(b"again")
    call.fail(Shed("late"))
    call.abandon()
    assert ends == [(b"answer", None, (("a", "b"),))]
    assert (call.ended, call.answered) == (True, True)


def test_a_failed_call_is_ended_but_not_answered() -> None:
    ends: list[Ended] = []
    call, failure = make_call(ends), Shed("full")
    call.fail(failure)
    assert ends == [(None, failure, ())]
    assert (call.ended, call.answered) == (True, False)


def test_an_abandoned_call_sends_nothing_and_tells_who_waits() -> None:
    ends: list[Ended] = []
    told: list[str] = []
    call = make_call(ends)
    call.on_end(lambda: told.append("one"))
    call.on_end(lambda: told.append("two"))
    call.abandon()
    call.abandon()
    assert (ends, told, call.answered) == ([], ["one", "two"], False)


def test_who_asks_after_the_end_is_told_at_once() -> None:
    told: list[str] = []
    call = make_call([])
    call.reply(b"")
    call.on_end(lambda: told.append("late"))
    assert told == ["late"]


def test_those_who_wait_hear_of_the_end_before_the_client_does() -> None:
    """So that slots are free when the client's next call comes."""
    order: list[str] = []
    call = Call("Predict", b"", (), Deadline(), 0, lambda *_: order.append("client"))
    call.on_end(lambda: order.append("slot"))
    call.reply(b"")
    assert order == ["slot", "client"]


@pytest.mark.parametrize(
    ("at_us", "now_us", "passed", "left_s"),
    [(5_000_000, 2_000_000, False, 3.0), (5, 5, True, 0.0), (5, 9, True, 0.0), (NEVER_US, 10**15, False, None)],
)
def test_deadlines(at_us: int, now_us: int, passed: bool, left_s: float | None) -> None:
    deadline = Deadline(at_us)
    assert (deadline.passed(now_us), deadline.remaining_s(now_us)) == (passed, left_s)


def test_the_clock_never_goes_back() -> None:
    first = monotonic_us()
    assert monotonic_us() >= first
