"""Joined before real TensorFlow: strings, several inputs and outputs, filters in any order; a row that fails all."""

from __future__ import annotations

import asyncio
import random

import grpc
import pytest

from gateway.wire.compare import same_answers
from tests.integration.shield.conftest import Scene
from tests.integration.shield.encodings import FLOAT, INT64, STRING, Tensor, floats
from tests.integration.shield.good import Request, good_tensor

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

AT_ONCE, ROUNDS = 64, 5
OUTPUTS = ("loud", "length", "half", "total", "both")


def mixed(rng: random.Random) -> bytes:
    """One of two lanes' features, filters of the same outputs in any order, every encoding."""
    rows = rng.randrange(1, 4)
    inputs: dict[str, Tensor] = {
        "text": good_tensor(rng, STRING, [rows]),
        "a": good_tensor(rng, FLOAT, [rows, rng.choice((2, 3))]),
        "b": good_tensor(rng, INT64, [rows, 2]),
    }
    outputs = rng.choice(((), OUTPUTS, ("loud", "both")))
    return Request("mixed", "", inputs, rng.sample(outputs, len(outputs))).encode()


async def counted(scene: Scene) -> tuple[float, float]:
    """(calls, batches) of model mixed so far."""
    gateway = scene.gateway
    members = await gateway.metric("tidegate_batch_members_total", model="mixed")
    return members, await gateway.metric("tidegate_batch_rows_count", model="mixed")


async def test_joined_answers_of_strings_and_several_tensors_equal_the_backends_own(scene: Scene) -> None:
    rng = random.Random(7)
    before = await counted(scene)
    for _ in range(ROUNDS):
        messages = [mixed(rng) for _ in range(AT_ONCE)]
        through = await asyncio.gather(*[scene.ask_gateway(message) for message in messages])
        direct = await asyncio.gather(*[scene.ask_backend(message) for message in messages])
        for message, (code, words, reply), (own_code, _, own) in zip(messages, through, direct, strict=True):
            assert (code, own_code) == (grpc.StatusCode.OK, grpc.StatusCode.OK), (words, message.hex())
            assert same_answers(reply, own, 0, 0), message.hex()
    members, batches = [now - then for now, then in zip(await counted(scene), before, strict=True)]
    assert members > AT_ONCE * ROUNDS / 2, "most calls went through lanes, those with strings too"
    assert batches < members / 2, "and were joined"


async def test_a_row_that_an_assertion_in_the_graph_refuses_fails_alone(scene: Scene) -> None:
    values = [float(number) for number in range(40)] + [1000.0]
    messages = [Request("mixed", "picky", {"x": floats([1, 2], value, 1.0)}).encode() for value in values]
    failed = await scene.gateway.metric("tidegate_batch_events_total", model="mixed", event="bisected")
    for _ in range(50):
        through = await asyncio.gather(*[scene.ask_gateway(message) for message in messages])
        for message, (code, words, reply) in zip(messages[:-1], through, strict=False):
            assert code is grpc.StatusCode.OK, words
            assert same_answers(reply, (await scene.ask_backend(message))[2], 0, 0)
        assert (through[-1][0], "a poisoned row" in through[-1][1]) == (grpc.StatusCode.INVALID_ARGUMENT, True)
        if await scene.gateway.metric("tidegate_batch_events_total", model="mixed", event="bisected") > failed:
            return
    pytest.fail("the row was never in a joined call")
