"""What keeps a call cheap, as far as it can be told without a clock."""

from __future__ import annotations

import gc

import pytest

from gateway.call import LARGE_BYTES, Call, Deadline
from gateway.limits.suspects import SuspectPolicy, Verdict
from gateway.wire.check import fingerprint
from gateway.wire.spec import peek
from protos.stubs.tidegate.wire.v1 import predict_pb2
from tests.fakes.tensors import predict_message
from tests.unit.gateway.predict.stage import Stage, signature

MESSAGE = predict_message().SerializeToString()


@pytest.mark.parametrize("answered", [True, False])
async def test_an_ended_call_leaves_nothing_for_the_garbage_collector(answered: bool) -> None:
    stage = Stage([1])

    def run_one() -> None:
        call = Call("Predict", MESSAGE, (("x-user-id", "u"),), Deadline(), 0, lambda reply, failure, headers: None)
        stage.handler(call)
        sent = stage.connections[0].sent.pop()
        if answered:
            sent.answer()
        else:
            call.abandon()
        assert sent.cancelled is not answered

    run_one()  # what is made once is made now
    gc.collect()
    gc.disable()
    try:
        run_one()
        assert gc.collect() == 0
    finally:
        gc.enable()


async def test_a_large_message_is_not_copied_to_pin_its_version() -> None:
    stage = Stage([1])
    stage.context.catalog.put("pool", "digits", 1, {"serving_default": signature(LARGE_BYTES)})
    message = predict_message([1.0] * LARGE_BYTES, (1, LARGE_BYTES)).SerializeToString()
    stage.start(message=message)
    [(_, sent)] = stage.sent()
    assert sent.pieces[0] is message
    assert predict_pb2.PredictRequest.FromString(sent.message).model_spec.version.value == 1


async def test_every_call_of_a_form_is_still_vouched_for_while_answers_come() -> None:
    """The rules are told of an answer now and then, not of each: a block lasts much longer."""
    stage = Stage([1])
    rules, shape = stage.context.courier.rules, fingerprint(peek("Predict", MESSAGE))
    for _ in range(3):
        outcome = stage.start(message=MESSAGE)
        stage.sent()[0][1].answer()
        assert rules.judge(shape, 2, outcome.call.ended_us) is Verdict.REFUSE
    assert not rules.has_blocks


async def test_where_nothing_is_blocked_for_long_every_answer_vouches() -> None:
    stage = Stage([1])
    rules, shape = stage.context.courier.rules, fingerprint(peek("Predict", MESSAGE))
    rules.adopt(SuspectPolicy(block_s=0))
    for _ in range(3):
        outcome = stage.start(message=MESSAGE)
        stage.sent()[0][1].answer()
        assert rules.judge(shape, 2, outcome.call.ended_us) is Verdict.REFUSE
