"""Calls that concern every replica: bounded, shared, and whole whatever one replica says."""

from __future__ import annotations

from gateway.errors import Fate, NoReplica
from gateway.routing.route import ModelRoute
from gateway.routing.table import RouteTable
from protos.stubs.tidegate.wire.v1 import management_pb2
from tests.unit.gateway.predict.stage import Outcome, Stage

AVAILABLE = management_pb2.ModelVersionStatus.AVAILABLE


def ask(stage: Stage, model: str = "digits", version: int | None = None) -> Outcome:
    """A client asks for the status."""
    request = management_pb2.GetModelStatusRequest()
    request.model_spec.name = model
    if version is not None:
        request.model_spec.version.value = version
    return stage.start("GetModelStatus", request.SerializeToString())


def has_version(version: int) -> bytes:
    answer = management_pb2.GetModelStatusResponse()
    answer.model_version_status.add(version=version, state=AVAILABLE)
    return answer.SerializeToString()


async def test_status_asks_every_replica_and_one_that_fails_does_not_spoil_the_answer() -> None:
    stage = Stage([1], [1])
    outcome = ask(stage)
    (_, first), (_, second) = stage.sent()
    assert first.timeout_s == stage.upstream.policy.connect_timeout_s
    first.fail(fate=Fate.LOST)
    assert outcome.reply is None
    second.answer(has_version(1))
    assert outcome.reply == has_version(1)


async def test_calls_that_ask_the_same_at_the_same_time_ask_the_replicas_once() -> None:
    stage = Stage([1], [1])
    outcomes = [ask(stage) for _ in range(5)]
    (_, first), (_, second) = stage.sent()
    outcomes[0].call.abandon()  # who asked first leaves; the others still get their answer
    first.answer(has_version(1))
    second.answer(has_version(1))
    assert [outcome.reply for outcome in outcomes[1:]] == [has_version(1)] * 4
    ask(stage)
    assert len(stage.sent()) == 2  # an answer is shared, not kept


async def test_different_questions_are_bounded() -> None:
    stage = Stage([1])
    stage.context.admission.limit = 1000
    outcomes = [ask(stage, version=version) for version in range(70)]
    assert len(stage.sent()) == 64
    assert {outcome.said for outcome in outcomes[64:]} == {
        "Shed: 64 different GetModelStatus calls wait for their replicas already"
    }
    assert stage.counters.shed.series == {("model_status",): 6}


async def test_the_status_of_a_model_without_route_is_asked_only_once_the_model_was_found() -> None:
    stage = Stage([1])
    assert ask(stage, "nosuch").said == "UnknownModel: Could not find any versions of model nosuch"
    assert (stage.refreshed, stage.sent()) == ([("pool", "nosuch")], [])
    stage.doubt = NoReplica("nobody can say")
    assert ask(stage, "nosuch").said == "NoReplica: nobody can say"
    table = stage.context.table.with_route(ModelRoute("found", "pool"))
    stage.on_refresh = lambda: setattr(stage.context, "table", table)
    outcome = ask(stage, "found")
    stage.sent()[0][1].answer(has_version(3))
    assert outcome.reply == has_version(3)


async def test_without_a_default_upstream_an_unknown_models_status_is_looked_for_nowhere() -> None:
    stage = Stage([1])
    stage.context.table = RouteTable.of([ModelRoute("digits", "pool")])
    assert ask(stage, "nosuch", 7).said == "UnknownModel: Could not find version 7 of model nosuch"
    assert stage.refreshed == []


async def test_a_status_that_cannot_be_read_is_told() -> None:
    stage = Stage([1])
    outcome = ask(stage)
    stage.sent()[0][1].answer(b"\xff")
    assert outcome.said.startswith("NoReplica: a replica's model status is unreadable")


async def test_a_reload_goes_to_every_replica_and_the_first_refusal_is_the_answer() -> None:
    stage = Stage([1], [1])
    assert stage.start("HandleReloadConfigRequest", b"").said.startswith("NotAllowed")
    stage.context.allow_reload_config = True
    outcome = stage.start("HandleReloadConfigRequest", b"")
    refused = management_pb2.ReloadConfigResponse()
    refused.status.error_code = 3
    (_, first), (_, second) = stage.sent()
    first.answer(management_pb2.ReloadConfigResponse().SerializeToString())
    second.answer(refused.SerializeToString())
    assert outcome.reply == refused.SerializeToString()


async def test_an_answer_to_a_reload_that_cannot_be_read_is_told() -> None:
    stage = Stage([1])
    stage.context.allow_reload_config = True
    outcome = stage.start("HandleReloadConfigRequest", b"")
    stage.sent()[0][1].answer(b"\xff")
    assert outcome.said.startswith("NoReplica: a replica's answer to the reload is unreadable")


async def test_a_client_that_leaves_takes_its_reload_along() -> None:
    stage = Stage([1])
    stage.context.allow_reload_config = True
    stage.start("HandleReloadConfigRequest", b"").call.abandon()
    assert stage.sent()[0][1].cancelled
