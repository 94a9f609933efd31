"""The demo's summary: every fact by its name, and every promise can be broken."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from cli.demo.facts import Facts

# The issue names these; programs read them.
WANTED_NAMES = {
    "failed_calls", "calls", "split_configured", "split_observed", "sticky_violations", "join_mismatches", "rollout",
    "replica_kill", "throughput_rps", "latency_ms", "export",
}  # fmt: skip


def rollout(before: int, after: int) -> dict[str, Any]:
    return {
        "from": before,
        "to": after,
        "phase": "promoted",
        "reason": "held for 3 s",
        "seconds": 12.5,
        "new_loaded_everywhere": True,
        "old_unloaded_everywhere": True,
    }


KEPT = Facts(
    exports={"1": {"size_bytes": 1}},
    rollouts=[rollout(1, 3), rollout(3, 1)],
    replica_kill={"replica": "replica 1", "away_s": 6.5, "came_back": True},
    load={
        "calls": 1000,
        "failed_calls": 0,
        "unfinished_calls": 0,
        "failures": [],
        "split_observed": {"stable@1": {"keys": 1800, "percent": 90.0}, "slim@2": {"keys": 200, "percent": 10.0}},
        "sticky_violations": 0,
        "compared_replies": 900,
        "throughput_rps": 250,
        "latency_ms": {"p50": 1.0, "p95": 2.0, "p99": 3.0},
        "arms": [],
    },
    gateway={"models": [{"mean_batch_rows": 2.345}]},
    clean_stop=True,
)


def failure(count: int, message: str) -> dict[str, Any]:
    return {"count": count, "code": "WRONG_ANSWER", "message": message}


def keys(slim: int) -> Callable[[Facts], None]:
    def change(facts: Facts) -> None:
        facts.load["split_observed"] = {
            "stable@1": {"keys": 2000 - slim, "percent": 0.0},
            "slim@2": {"keys": slim, "percent": 0.0},
        }

    return change


def few_keys(facts: Facts) -> None:
    facts.load["split_observed"] = {
        "stable@1": {"keys": 1709, "percent": 90.0},
        "slim@2": {"keys": 190, "percent": 10.0},
    }


def set_load(**values: Any) -> Callable[[Facts], None]:
    return lambda facts: facts.load.update(values)


def set_rollout(**values: Any) -> Callable[[Facts], None]:
    return lambda facts: facts.rollouts[0].update(values)


def broken(change: Callable[[Facts], object]) -> list[str]:
    facts = copy.deepcopy(KEPT)
    change(facts)
    promises: list[str] = facts.summary()["broken_promises"]
    return promises


def test_a_demo_that_went_well_breaks_no_promise_and_tells_every_fact() -> None:
    summary = KEPT.summary()
    assert summary["broken_promises"] == []
    assert set(summary) >= WANTED_NAMES
    assert summary["split_configured"] == {"stable@1": 90.0, "slim@2": 10.0}
    assert summary["split_observed"] == {"stable@1": 90.0, "slim@2": 10.0}
    assert summary["split_check"] == {"keys": 2000, "standard_deviations": 0.0}
    assert (summary["mean_batch_rows"], summary["latency_ms"]["loop"]) == (2.35, "closed")
    assert json.loads(json.dumps(summary)) == summary


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_load(calls=0), "no call was made"),
        (set_load(failed_calls=2), "2 calls failed"),
        (set_load(unfinished_calls=3), "3 calls were abandoned"),
        (set_load(sticky_violations=1), "1 calls strayed from their key's arm"),
        (set_load(compared_replies=0), "no reply was compared"),
        (
            set_load(failures=[failure(4, "scores differ from the reference by 0.5"), failure(9, "no memory")]),
            "4 joined replies differ from unjoined ones",
        ),
        (lambda facts: facts.gateway.update(models=[{"mean_batch_rows": 1.0}]), "no call was ever joined"),
        (lambda facts: facts.gateway.clear(), "no call was ever joined"),
        (keys(slim=241), "the split is 3.06 standard deviations off"),
        (keys(slim=159), "the split is 3.06 standard deviations off"),
        (few_keys, "only 1899 user keys had called when the split was counted"),
        (lambda facts: facts.replica_kill.clear(), "the killed replica did not come back"),
        (lambda facts: setattr(facts, "clean_stop", False), "a server did not stop in order"),
        (
            set_rollout(phase="aborted", reason="30 of 30 calls failed"),
            "the rollout 1 -> 3 ended aborted: 30 of 30 calls failed",
        ),
        (set_rollout(new_loaded_everywhere=False), "the rollout 1 -> 3 left a replica without the new version"),
        (set_rollout(old_unloaded_everywhere=False), "the rollout 1 -> 3 left the old version loaded"),
        (lambda facts: facts.rollouts.pop(), "1 rollouts ran, 2 were planned"),
        (lambda facts: facts.rollouts.clear(), "0 rollouts ran, 2 were planned"),
    ],
)
def test_each_promise_can_be_broken_and_is_told_in_words(change: Callable[[Facts], object], words: str) -> None:
    assert broken(change) == [words]


def test_a_split_that_nobody_saw_is_not_as_configured() -> None:
    assert broken(set_load(split_observed={})) == [
        "the split is inf standard deviations off",
        "only 0 user keys had called when the split was counted",
    ]


def test_three_standard_deviations_are_allowed() -> None:
    assert broken(keys(slim=240)) == []
    assert broken(keys(slim=160)) == []


def test_all_broken_promises_are_told() -> None:
    def change(facts: Facts) -> None:
        facts.load["failed_calls"] = 1
        facts.clean_stop = False

    assert broken(change) == ["1 calls failed", "a server did not stop in order"]
