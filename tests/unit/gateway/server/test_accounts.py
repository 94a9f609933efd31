"""Ended calls: which of them tell how a version does, and against it."""

from __future__ import annotations

import pytest

from gateway import errors
from gateway.call import Call, Deadline
from gateway.errors import Failure, Fate, UpstreamFailed
from gateway.server.accounts import count_ended
from gateway.server.status import CODES, Code, status_of
from gateway.telemetry.counters import Counters

CALLERS_OWN = {
    errors.MalformedRequest,
    errors.InvalidRequest,
    errors.UnknownServable,
    errors.UnknownModel,
    errors.UnknownSignature,
    errors.NotAllowed,
    errors.UnknownMethod,
}


def judged(code: Code, failure: Failure | None = None, model: str = "digits") -> dict[str, int]:
    """What is counted of a call on version 2, by outcome."""
    counters = Counters()
    call = Call("Predict", b"", (), Deadline(), 0, lambda *_: None)
    call.model, call.arm, call.version = model, "base", 2
    count_ended(counters, call, code, failure)
    assert sum(counters.requests.series.values()) == 1
    assert all(labels[:3] == ("digits", "base", "2") for labels in counters.judged_calls.series)
    return {labels[3]: count for labels, count in counters.judged_calls.series.items()}


@pytest.mark.parametrize("code", [code for code in Code if code is not Code.OK])
def test_whatever_a_model_server_answers_with_tells_against_the_version(code: Code) -> None:
    """INVALID_ARGUMENT too: a version that refuses what the old one took is as bad as one that breaks."""
    assert judged(code, UpstreamFailed(int(code), "its words", Fate.ANSWERED)) == {"error": 1}


@pytest.mark.parametrize("kind", CODES)
def test_of_the_gateways_own_failures_only_the_callers_mistakes_tell_nothing(kind: type[Failure]) -> None:
    failure = kind.__new__(kind)
    Failure.__init__(failure, "words")
    assert judged(status_of(failure)[0], failure) == ({} if kind in CALLERS_OWN else {"error": 1})


def test_an_answer_is_for_it_and_who_left_says_nothing_unless_time_ran_out() -> None:
    assert judged(Code.OK) == {"ok": 1}
    assert judged(Code.CANCELLED) == {}
    assert judged(Code.DEADLINE_EXCEEDED) == {"error": 1}


def test_models_that_nobody_knows_are_not_judged() -> None:
    assert judged(Code.UNAVAILABLE, errors.NoReplica("none"), model="") == {}
