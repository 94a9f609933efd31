"""The shield: what never reaches a replica, whatever is known of the version, and whose fault a refusal is."""

from __future__ import annotations

from gateway.predict.context import Shield
from gateway.predict.inspect import MAX_PASSED, inspect
from gateway.routing.ramp import Ramp
from gateway.routing.route import Choice, ModelRoute, VersionMode
from gateway.wire.spec import peek
from tests.fakes.tensors import predict_message
from tests.unit.gateway.predict.stage import Outcome, Stage, signature

ALL_USERS = ModelRoute("digits", "pool", VersionMode.MANAGED, 1, ramp=Ramp(2, 100.0))
HUGE = predict_message([1.0], shape=(2**40, 2))
HUGE_LABELLED = predict_message([1.0], shape=(2**40, 2), label="gold")
TOO_LARGE = (
    f'InvalidRequest: input "x": shape ({2**40},2) expands to {2**43} bytes, at most {2**30} are allowed'  # the default
)


def refused(stage: Stage, message: bytes) -> str:
    """What the caller is told; nothing was sent, and it was counted."""
    outcome = stage.start(message=message)
    assert stage.sent() == []
    assert stage.counters.shield_refused.series == {("digits", "inputs"): 1}
    return outcome.said


async def test_a_size_bomb_is_refused_while_the_signatures_are_unknown() -> None:
    stage = Stage([1])
    stage.context.catalog.keep_only("pool", "digits", frozenset())
    assert refused(stage, HUGE.SerializeToString()) == TOO_LARGE


async def test_a_size_bomb_is_refused_under_a_label_that_only_the_replica_knows() -> None:
    stage = Stage([1])
    stage.context.catalog.keep_only("pool", "digits", frozenset())
    assert refused(stage, HUGE_LABELLED.SerializeToString()) == TOO_LARGE


async def test_a_size_bomb_is_refused_where_inputs_are_not_checked() -> None:
    for message in (HUGE, HUGE_LABELLED):
        stage = Stage([1])
        stage.context.shield = Shield(check_inputs=False)
        assert refused(stage, message.SerializeToString()) == TOO_LARGE


def told_against(stage: Stage, message: bytes) -> bool:
    """Whether a refused call counts against its version."""
    outcome: Outcome = stage.start(message=message)
    assert outcome.failure is not None
    assert outcome.headers["tidegate-version"] == str(outcome.call.version)
    return outcome.failure.against_version


async def test_a_refusal_counts_against_a_version_only_if_the_promoted_one_takes_the_call() -> None:
    """One with another signature is as bad as one that breaks; one caller's mistakes abort no rollout."""
    stage = Stage([1, 2], route=ALL_USERS)
    stage.context.catalog.put("pool", "digits", 2, {"serving_default": signature(3)})
    fits_the_old = predict_message([1.0, 2.0]).SerializeToString()
    fits_neither = predict_message([1.0, 2.0, 3.0, 4.0], shape=(1, 4)).SerializeToString()
    assert told_against(stage, fits_the_old)
    assert not told_against(stage, fits_neither)
    assert not told_against(stage, predict_message(signature="no").SerializeToString())
    stage.context.catalog.put("pool", "digits", 2, {"other": signature()})
    assert told_against(stage, fits_the_old)  # it lost the signature
    stage.context.catalog.keep_only("pool", "digits", frozenset({2}))
    assert told_against(stage, fits_the_old)  # what is known of the old one would let it pass


async def test_refusals_of_the_promoted_version_count_against_none() -> None:
    stage = Stage([1])
    assert not told_against(stage, predict_message([1.0], shape=(1,)).SerializeToString())


async def test_what_passed_once_is_held_against_every_new_signature_and_policy() -> None:
    stage, message = Stage([1]), predict_message([1.0, 2.0]).SerializeToString()
    for _ in range(2):
        assert stage.start(message=message).failure is None
    stage.context.shield = Shield(max_tensor_bytes=4)
    assert "expands to 8 bytes" in stage.start(message=message).said
    stage.context.shield = Shield()
    assert stage.start(message=message).failure is None
    stage.context.catalog.put("pool", "digits", 1, {"serving_default": signature(3)})  # the version came back changed
    assert "shape (1,2) came, (?,3) is wanted" in stage.start(message=message).said


async def test_only_so_many_signatures_are_remembered_as_passed() -> None:
    stage = Stage([1])
    view = peek("Predict", predict_message([1.0, 2.0]).SerializeToString())
    route = stage.context.table.models["digits"]
    for _ in range(MAX_PASSED + 1):
        stage.context.catalog.put("pool", "digits", 1, {"serving_default": signature()})
        assert inspect(stage.context, route, Choice("default", 1, chosen_by_gateway=True), view) is not None
    assert len(view.passed) == 1
