"""What handling tells apart before a call has a route, and calls that concern every replica."""

from __future__ import annotations

from tests.fakes.tensors import predict_message
from tests.unit.gateway.predict.stage import Stage


async def test_calls_beyond_the_bound_are_shed_and_places_come_back() -> None:
    stage = Stage([1])
    outcomes = [stage.start() for _ in range(11)]
    assert outcomes[10].said.startswith("Shed: 10 calls are unfinished already")
    assert stage.counters.shed.series == {("max_concurrent_calls",): 1}
    for _, sent in stage.sent():
        sent.answer()
    assert stage.context.admission.unfinished == 0


async def test_unknown_models_labels_and_methods_are_told_apart() -> None:
    stage = Stage([1])
    said = [
        stage.start(message=predict_message(model="no", version=3).SerializeToString()).said,
        stage.start(message=predict_message(model="no", label="gold").SerializeToString()).said,
        stage.start("SessionRun").said,
        stage.start(message=b"\xff").said.partition(":")[0],
    ]
    assert said == [
        "UnknownServable: Servable not found for request: Specific(no, 3)",
        "InvalidRequest: Unrecognized servable version label: gold",
        "UnknownMethod: Method not found: SessionRun",
        "MalformedRequest",
    ]


async def test_while_no_replica_is_up_a_model_is_unavailable_not_unknown() -> None:
    stage = Stage([1])
    stage.replicas[0].up = False
    for model in ("digits", "no"):
        outcome = stage.start(message=predict_message(model=model).SerializeToString())
        assert outcome.said == 'NoReplica: upstream "pool": none of its 1 replicas is up'


async def test_a_bug_costs_its_own_call_only() -> None:
    stage = Stage([1])
    stage.context.upstreams = {}
    assert stage.start().said == "Internal: internal error of the gateway; its log has the details"
    assert stage.context.admission.unfinished == 0
