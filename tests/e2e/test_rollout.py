"""Rollouts over two real replicas under load: no call fails, answers are their version's, what is bad goes back."""

from __future__ import annotations

import signal
import time

import pytest

from tests.e2e.conftest import Pair
from tests.e2e.programs import Gateway, until
from tests.e2e.traffic import THREADS, Traffic

pytestmark = pytest.mark.slow


def test_forward_and_back_under_load_without_a_failed_call(pair: Pair, managed: Gateway) -> None:
    with Traffic(managed.address) as traffic:
        traffic.every_key_calls()
        status, facts = managed.rollout("start", "half", "--to", "3", "--steps", "30,100", "--hold", "1s")
        assert (status, facts["phase"]) == (0, "promoted"), facts
        assert pair.available() == [{2, 3}, {2, 3}]
        traffic.every_key_calls()
        status, facts = managed.rollout("start", "half", "--to", "1", "--steps", "50,100", "--hold", "1s")
        assert (status, facts["phase"]) == (0, "promoted"), facts
        assert pair.available() == [{1, 2}, {1, 2}]
        traffic.every_key_calls()
    assert traffic.words() == []
    assert traffic.ways() == {(1, 3, 1), (2,)}


def test_a_gateway_killed_in_the_middle_of_a_step_goes_on_with_it(pair: Pair, managed: Gateway) -> None:
    with Traffic(managed.address) as traffic:
        traffic.every_key_calls()
        managed.rollout("start", "half", "--to", "3", "--steps", "50,100", "--hold", "2s", "--no-wait")
        traffic.reaches(3)
        managed.child.signal(signal.SIGKILL)
        until(lambda: not managed.child.running, "the gateway's end")
        managed.start()
        until(lambda: managed.rollout("status", "half")[1]["phase"] == "promoted", "the rollout's end")
        traffic.every_key_calls()
    assert len(traffic.failures) <= THREADS, "more calls failed than were in flight on the killed gateway"
    assert all(failed.words.startswith("UNAVAILABLE") for failed in traffic.failures), traffic.words()
    assert traffic.ways() == {(1, 3), (2,)}
    assert pair.available() == [{2, 3}, {2, 3}]


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        pytest.param(4, "Could not find SavedModel .pb or .pbtxt", id="half-written"),
        pytest.param(5, "Can't parse", id="corrupt"),
    ],
)
def test_a_version_that_cannot_be_loaded_is_aborted_with_tensorflows_reason(
    version: int, reason: str, pair: Pair, managed: Gateway
) -> None:
    with Traffic(managed.address) as traffic:
        status, facts = managed.rollout("start", "half", "--to", str(version), "--hold", "1s")
        traffic.every_key_calls()
    assert (status, facts["phase"], facts["percent"]) == (1, "aborted", 0), facts
    assert reason in facts["reason"]
    assert traffic.words() == []
    assert traffic.ways() == {(1,), (2,)}
    assert pair.available() == [{1, 2}, {1, 2}]


@pytest.mark.parametrize(
    ("version", "words"),
    [
        pytest.param(6, "DATA_LOSS", id="damaged data"),
        pytest.param(7, "this version takes nothing", id="the graph refuses every input"),
        pytest.param(8, "INVALID_ARGUMENT", id="another signature"),
    ],
)
def test_a_version_that_answers_with_errors_is_judged_and_goes_back(
    version: int, words: str, pair: Pair, managed: Gateway
) -> None:
    with Traffic(managed.address) as traffic:
        traffic.every_key_calls()
        status, facts = managed.rollout("start", "half", "--to", str(version), "--steps", "40,100", "--hold", "5s")
        assert (status, facts["phase"]) == (1, "aborted"), facts
        assert "calls failed" in facts["reason"]
        aborted_s = time.monotonic()
        traffic.every_key_calls()
        traffic.every_key_calls()
    assert all(words in told for told in traffic.words()), traffic.words()
    assert [failed for failed in traffic.failures if failed.began_s > aborted_s] == []
    assert traffic.ways() == {(1,), (2,)}
    assert pair.available() == [{1, 2}, {1, 2}]
