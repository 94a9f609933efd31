"""Operators see, for each signature, whether its calls are joined, and why not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.app.batch_states import SignatureState, mode_words, signature_states
from gateway.app.gateway import Gateway
from gateway.batching.key import LaneKey
from gateway.batching.member import Member
from gateway.batching.poison import BACK_OFF_US
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.batching.proof import TRIALS_WANTED, Finding, Proofs
from gateway.call import Call, Deadline
from tests.unit.gateway.app.settings import settings_of

CONFIGURED = """
default_upstream: pool
models: {digits: {versions: managed, version: 2}, faces: {batching: {mode: "off"}}, words: {batching: {mode: "on"}}}
"""


def teach(proofs: Proofs) -> None:
    """digits: version 1 proved, 2 off; and what another upstream and another model have."""
    for _ in range(TRIALS_WANTED):
        proofs.of(("pool", "digits", 1, "serving_default")).learn(Finding.SAME, varied=True, reason="")
    proofs.of(("pool", "digits", 2, "serving_default")).turn_off("2 of 8 callers")
    proofs.of(("other", "digits", 9, "serving_default"))
    proofs.of(("pool", "words", 4, "serving_default"))


def lane(upstream: str, version: int, *shape: int) -> LaneKey:
    return LaneKey(upstream, "digits", version, "serving_default", (), (("x", 1, shape),))


def states(mode: BatchMode) -> list[SignatureState]:
    proofs = Proofs()
    teach(proofs)
    poisoned = [(lane("pool", 1, 4), 500_000), (lane("pool", 1, 8), 2_000_000), (lane("other", 9, 4), 9_000_000)]
    return signature_states(BatchPolicy(mode), proofs.items(), poisoned, "pool", "digits")


def test_under_auto_each_signature_says_what_is_known_and_why_it_is_off() -> None:
    assert states(BatchMode.AUTO) == [
        SignatureState(1, "serving_default", "proved", "", poisoned_lanes=2, poisoned_s=2.0),
        SignatureState(2, "serving_default", "off", "2 of 8 callers"),
    ]


def test_under_on_what_had_to_be_turned_off_is_still_told() -> None:
    assert states(BatchMode.ON) == [
        SignatureState(1, "serving_default", "on by configuration", "", poisoned_lanes=2, poisoned_s=2.0),
        SignatureState(2, "serving_default", "off", "2 of 8 callers"),
    ]


def test_under_off_there_is_nothing_to_know() -> None:
    assert states(BatchMode.OFF) == []
    assert [mode_words(BatchPolicy(mode)) for mode in BatchMode] == [
        "auto",
        "on by configuration, without proof",
        "off by configuration",
    ]


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway(settings_of(tmp_path, CONFIGURED), None, tmp_path / "state")
    await gateway.world.start()
    teach(gateway.batcher._desk.proofs)
    yield gateway
    await gateway.close()


async def test_an_alert_can_see_that_joining_went_off(gateway: Gateway) -> None:
    gauge = gateway.report.gauges()["tidegate_batching_state"]
    assert sorted(gauge()) == [
        (("digits", "1", "serving_default", "proved"), 1.0),
        (("digits", "2", "serving_default", "off"), 1.0),
        (("faces", "", "", "off by configuration"), 1.0),
        (("words", "4", "serving_default", "on by configuration"), 1.0),
    ]


async def test_status_tells_each_signature_with_the_reason(gateway: Gateway) -> None:
    digits, faces, words = gateway.report.status().models
    assert [(known.version, known.name, known.batching, known.reason) for known in digits.signatures] == [
        (1, "serving_default", "proved", ""),
        (2, "serving_default", "off", "2 of 8 callers"),
    ]
    assert (digits.batching, faces.batching) == ("auto", "off by configuration")
    assert (list(faces.signatures), [known.batching for known in words.signatures]) == ([], ["on by configuration"])


async def test_lanes_that_are_poisoned_now_are_told_by_metric_and_status(gateway: Gateway) -> None:
    desk = gateway.batcher._desk
    while not desk.poisons.culprit_found(lane("pool", 1, 4), desk.now_us()):
        pass
    gauge = dict(gateway.report.gauges()["tidegate_batch_poisoned_lanes"]())
    assert gauge["digits", "1", "serving_default"] == 1
    assert gauge["digits", "2", "serving_default"] == 0
    known = gateway.report.status().models[0].signatures[0]
    assert (known.version, known.batching, known.poisoned_lanes) == (1, "proved", 1)
    assert 0 < known.poisoned_s <= BACK_OFF_US / 1e6


async def test_slots_are_told_for_each_upstream_that_had_calls_to_join(gateway: Gateway) -> None:
    gauges = gateway.report.gauges()
    in_use, slots = gauges["tidegate_batch_slots_in_use"], gauges["tidegate_batch_slots"]
    assert (list(in_use()), list(slots())) == ([], [])
    call = Call("Predict", b"", (), Deadline(), 0, lambda *_: None)
    gateway.batcher.offer(lane("pool", 1, 1), Member(call, (bytes(4),), lane("pool", 1, 1).features, 1, 4))
    assert list(in_use()) == [(("pool",), 0.0)]
    assert list(slots()) == [(("pool",), 0.0)]  # no replica is up
    for replica in gateway.world.fleet.upstream("pool").replicas:
        replica.up = True
    assert list(slots()) == [(("pool",), float(BatchPolicy().slots_per_replica))]
