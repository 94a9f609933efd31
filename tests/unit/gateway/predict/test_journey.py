"""The story of a call: where it goes, what it gets, and what never happens to it."""

from __future__ import annotations

import asyncio

from gateway.batching.policy import BatchMode
from gateway.predict.context import Shield
from gateway.routing.route import ModelRoute, VersionMode
from gateway.routing.split import Arm, Split
from gateway.routing.table import RouteTable
from gateway.upstream.replica import AVAILABLE, VersionState
from protos.stubs.tidegate.wire.v1 import predict_pb2
from tests.fakes.tensors import float_tensor, floats_of, predict_message
from tests.unit.gateway.predict.stage import Stage, signature
from tests.unit.gateway.upstream.fakes import NOT_FOUND

GONE = "Servable not found for request: Specific(digits, 1)"


async def test_the_gateways_version_is_pinned_and_named_in_the_headers() -> None:
    stage = Stage([1, 2])
    outcome = stage.start()
    [(_, sent)] = stage.sent()
    assert predict_pb2.PredictRequest.FromString(sent.message).model_spec.version.value == 1
    sent.answer(b"y")
    assert outcome.reply == b"y"
    assert outcome.headers == {"tidegate-arm": "default", "tidegate-version": "1"}


async def test_a_version_the_client_names_is_sent_as_it_came_even_where_nobody_is_known_to_have_it() -> None:
    stage = Stage([1])
    message = predict_message(version=5).SerializeToString()
    outcome = stage.start(message=message)
    [(_, sent)] = stage.sent()
    assert sent.message == message
    sent.fail(NOT_FOUND, "Servable not found for request: Specific(digits, 5)")
    assert outcome.said == "UpstreamFailed: Servable not found for request: Specific(digits, 5)"
    assert stage.refreshed == []


async def test_a_version_that_left_is_chosen_anew_once_and_the_new_one_answers() -> None:
    stage = Stage([1, 2])
    outcome = stage.start()
    assert stage.context.active == {("digits", 1): 1}
    stage.on_refresh = lambda: setattr(stage.context, "table", stage.context.table.with_version("digits", 2))
    stage.sent()[0][1].fail(NOT_FOUND, GONE)
    [(_, sent)] = stage.sent()
    assert predict_pb2.PredictRequest.FromString(sent.message).model_spec.version.value == 2
    assert stage.context.active == {("digits", 2): 1}
    sent.answer()
    assert (outcome.headers["tidegate-version"], stage.refreshed) == ("2", [("pool", "digits")])
    assert stage.context.active == {}
    assert stage.replicas[0].available("digits") == {2}  # not sent there again until it says so


async def test_not_found_for_a_chosen_version_is_never_shown() -> None:
    stage = Stage([1], [1])
    outcome = stage.start()
    for _ in range(2):
        stage.sent()[0][1].fail(NOT_FOUND, GONE)
    assert outcome.said == 'NoReplica: upstream "pool": version 1 of model "digits" is not available'


async def test_the_inputs_are_held_against_the_signature_of_the_version_chosen_anew() -> None:
    stage = Stage([1, 2])
    stage.context.catalog.put("pool", "digits", 2, {"serving_default": signature(3)})
    outcome = stage.start()
    stage.on_refresh = lambda: setattr(stage.context, "table", stage.context.table.with_version("digits", 2))
    stage.sent()[0][1].fail(NOT_FOUND, GONE)
    assert outcome.said.startswith("InvalidRequest")
    assert stage.sent() == []


async def test_a_model_that_left_the_table_meanwhile_is_not_found() -> None:
    stage = Stage([1])
    outcome = stage.start()
    stage.on_refresh = lambda: setattr(stage.context, "table", RouteTable.of([], "pool"))
    stage.sent()[0][1].fail(NOT_FOUND, GONE)
    assert outcome.said == "UnknownServable: Servable not found for request: Latest(digits)"


async def test_deaths_are_not_forgotten_when_the_call_is_sent_anew() -> None:
    """Two replicas at most, whatever way the call took between its deaths."""
    stage = Stage([1], [1], [1])
    outcome = stage.start()
    [(first, sent)] = stage.sent()
    sent.die()
    [(second, sent)] = stage.sent()
    sent.fail(NOT_FOUND, GONE)
    [(third, sent)] = stage.sent()
    assert len({first, second, third}) == 3
    sent.die()
    assert outcome.said.startswith("SuspectRefused: this call was in flight when 2 replicas died")
    assert stage.sent() == []


async def test_what_the_shield_refuses_is_counted_and_not_sent() -> None:
    stage = Stage([1])
    outcome = stage.start(message=predict_message([1.0, 2.0], shape=(2,)).SerializeToString())
    assert outcome.said.startswith("InvalidRequest")
    assert outcome.headers["tidegate-version"] == "1"
    assert stage.start(message=predict_message(signature="no").SerializeToString()).said == (
        'UnknownSignature: Serving signature key "no" not found.'
    )
    assert stage.counters.shield_refused.series == {("digits", "inputs"): 1, ("digits", "signature"): 1}
    assert stage.sent() == []


async def test_the_shield_can_be_opened() -> None:
    stage = Stage([1])
    stage.context.shield = Shield(check_inputs=False)
    stage.start(message=predict_message([1.0, 2.0], shape=(2,)).SerializeToString())
    assert len(stage.sent()) == 1


async def test_while_the_signature_is_unknown_a_call_passes_unjoined_and_is_not_retried_after_a_death() -> None:
    stage = Stage([1], [1], mode=BatchMode.ON)
    stage.context.catalog.keep_only("pool", "digits", frozenset())
    outcome = stage.start()
    stage.sent()[0][1].die()
    assert (outcome.said, stage.sent()) == ("UpstreamFailed: Socket closed", [])
    assert stage.counters.unjoined.series == {("digits", "unknown_signature"): 1}


async def test_a_blocked_shape_is_refused_and_another_is_not() -> None:
    stage = Stage([1], [1])
    killer = predict_message([1.0] * 6).SerializeToString()
    outcome = stage.start(message=killer)
    for _ in range(2):
        stage.sent()[0][1].die()
    assert outcome.said.startswith("SuspectRefused: this call was in flight when 2 replicas died")
    for replica in stage.replicas:
        replica.up = True
        replica.learn("digits", {1: next(iter(Stage([1]).replicas)).states("digits")[1]})
    refused = stage.start(message=killer)
    assert refused.said.startswith("SuspectRefused: calls of this model, signature and shape")
    assert refused.failure is not None and outcome.failure is not None
    assert not refused.failure.against_version  # it would be on any version
    assert outcome.failure.against_version
    stage.start()
    assert len(stage.sent()) == 1


async def test_a_shape_that_others_were_answered_for_is_not_blocked() -> None:
    stage = Stage([1], [1])
    stage.start()
    stage.sent()[0][1].answer()
    killer = stage.start()
    for _ in range(2):
        stage.sent()[0][1].die()
    assert killer.said.startswith("SuspectRefused")
    assert not stage.context.courier.rules.has_blocks


async def test_joined_members_of_a_dead_replica_go_on_singly_and_are_answered() -> None:
    stage = Stage([1], [1], mode=BatchMode.ON)
    outcomes = [stage.start(message=predict_message([float(n), 0.0]).SerializeToString()) for n in range(3)]
    await asyncio.sleep(0)
    [(died, joined)] = stage.sent()
    assert predict_pb2.PredictRequest.FromString(joined.message).inputs["x"].tensor_shape.dim[0].size == 3
    joined.die()
    answered = 0
    while sent := stage.sent():
        [(address, alone)] = sent  # one suspect at a time on the replica that is left
        assert address != died
        alone.answer(b"alone")
        answered += 1
    assert (answered, [outcome.reply for outcome in outcomes]) == (3, [b"alone"] * 3)


async def test_a_bug_met_by_one_member_of_a_failed_join_costs_no_other() -> None:
    stage, refreshed = Stage([1], mode=BatchMode.ON), []

    def fail_once() -> None:
        refreshed.append(True)
        if len(refreshed) == 1:
            raise RuntimeError("a bug")

    outcomes = [stage.start(message=predict_message([float(n), 0.0]).SerializeToString()) for n in range(3)]
    await asyncio.sleep(0)
    stage.on_refresh = fail_once
    stage.sent()[0][1].fail(NOT_FOUND, GONE)
    assert outcomes[0].said == "Internal: internal error of the gateway; its log has the details"
    for _, alone in stage.sent():
        alone.answer(b"alone")
    assert [outcome.reply for outcome in outcomes[1:]] == [b"alone"] * 2


async def test_a_bug_met_by_an_answer_ends_its_call() -> None:
    stage = Stage([1])
    outcome = stage.start()
    stage.on_refresh = lambda: 1 // 0  # type: ignore[assignment]  # any exception will do
    stage.sent()[0][1].fail(NOT_FOUND, GONE)
    assert outcome.said == "Internal: internal error of the gateway; its log has the details"
    assert stage.context.active == {}


async def test_members_of_a_join_get_their_own_rows() -> None:
    stage = Stage([1], mode=BatchMode.ON)
    outcomes = [stage.start(message=predict_message([float(n), 0.5]).SerializeToString()) for n in range(2)]
    await asyncio.sleep(0)
    [(_, joined)] = stage.sent()
    reply = predict_pb2.PredictResponse()
    reply.outputs["y"].CopyFrom(float_tensor([0.0, 0.5, 1.0, 0.5], (2, 2), content=False))
    joined.answer(reply.SerializeToString())
    rows = [
        floats_of(predict_pb2.PredictResponse.FromString(outcome.reply or b"").outputs["y"]) for outcome in outcomes
    ]
    assert rows == [[0.0, 0.5], [1.0, 0.5]]


async def test_a_client_that_leaves_takes_its_message_along() -> None:
    stage = Stage([1])
    outcome = stage.start()
    [(_, sent)] = stage.sent()
    outcome.call.abandon()
    assert sent.cancelled
    assert (stage.replicas[0].in_flight, stage.context.admission.unfinished, stage.context.active) == (0, 0, {})


async def test_a_call_without_key_stays_in_its_arm_when_its_version_is_chosen_anew() -> None:
    split = Split("salt", (Arm("base", 50), Arm("new", 50)))
    stage = Stage([1, 2], route=ModelRoute("digits", "pool", version=1, split=split))
    before, after = stage.context.table, stage.context.table.with_version("digits", 2)
    stage.on_refresh = lambda: setattr(stage.context, "table", after)
    arms = []
    for _ in range(20):
        stage.context.table = before
        stage.replicas[0].learn("digits", {1: VersionState(AVAILABLE), 2: VersionState(AVAILABLE)})
        outcome = stage.start()
        arms.append(outcome.call.arm)
        stage.sent()[0][1].fail(NOT_FOUND, GONE)
        stage.sent()[0][1].answer()
        assert (outcome.headers["tidegate-arm"], outcome.headers["tidegate-version"]) == (arms[-1], "2")
    assert set(arms) == {"base", "new"}


async def test_a_split_sends_the_same_user_to_the_same_arm() -> None:
    split = Split("salt", (Arm("base", 50, 1), Arm("new", 50, 2)))
    stage = Stage([1, 2], route=ModelRoute("digits", "pool", VersionMode.MANAGED, 1, split=split))
    arms: dict[str, set[str | bytes]] = {}
    for user in [f"u{number}" for number in range(20)] * 2:
        outcome = stage.start(x_user_id=user)
        stage.sent()[0][1].answer()
        arms.setdefault(user, set()).add(outcome.headers["tidegate-arm"])
    assert all(len(met) == 1 for met in arms.values())
    assert {arm for met in arms.values() for arm in met} == {"base", "new"}
