"""Without a file: models are found as calls name them, and clients follow the version that all replicas have."""

from __future__ import annotations

import grpc
import pytest

from tests.fakes.behaviour import AVAILABLE, END, LOADING, FakeModel, FakeServing
from tests.fakes.tensors import answer_of, predict_message
from tests.integration.gateway.conftest import House, StartGateway, StartReplica, flags

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]


async def test_a_model_that_no_file_names_is_found_when_a_call_names_it(house: House) -> None:
    house.serve("found", {1: AVAILABLE})
    assert await house.gateway.predict(predict_message([1.0, 2.0], model="found")) == (1, answer_of([1.0, 2.0], 1))


async def test_clients_move_to_a_new_version_only_when_every_replica_has_it(house: House) -> None:
    house.serve("moving", {1: AVAILABLE})
    assert (await house.gateway.predict(predict_message(model="moving")))[0] == 1

    house.serve("moving", {1: AVAILABLE, 2: AVAILABLE}, {1: AVAILABLE, 2: LOADING})
    await house.gateway.metric_reaches(1, "tidegate_version_available", model="moving", version="2")
    assert {(await house.gateway.predict(predict_message(model="moving")))[0] for _ in range(20)} == {1}

    house.serve("moving", {1: AVAILABLE, 2: AVAILABLE})
    await house.gateway.predict_until(predict_message(model="moving"), 2)


async def test_clients_stay_with_their_version_while_one_replica_has_swapped_it_for_another(house: House) -> None:
    """A release that only one replica has must not carry everyone's calls."""
    house.serve("parting", {1: AVAILABLE})
    assert (await house.gateway.predict(predict_message(model="parting")))[0] == 1
    house.serve("parting", {1: END, 2: AVAILABLE}, {1: AVAILABLE})
    await house.gateway.metric_reaches(1, "tidegate_version_available", model="parting", version="2")
    assert {(await house.gateway.predict(predict_message(model="parting")))[0] for _ in range(20)} == {1}
    house.serve("parting", {1: END, 2: AVAILABLE})
    await house.gateway.predict_until(predict_message(model="parting"), 2)


async def test_no_call_fails_while_the_latest_policy_swaps_versions(house: House) -> None:
    """Both replicas unload version 1 by themselves; what the gateway chose and is gone is chosen anew, never shown."""
    house.serve("swapping", {1: AVAILABLE})
    assert (await house.gateway.predict(predict_message(model="swapping")))[0] == 1
    house.serve("swapping", {1: END, 2: AVAILABLE})
    assert {(await house.gateway.predict(predict_message(model="swapping")))[0] for _ in range(10)} == {2}


async def test_a_call_whose_version_left_is_checked_against_the_one_it_gets(house: House) -> None:
    """Version 2 wants rows of 3: what fitted version 1 must not reach it."""
    house.serve("reshaped", {1: AVAILABLE})
    await house.gateway.predict(predict_message(model="reshaped"))
    for replica in house.replicas:
        replica.serving.put("reshaped", {1: END, 2: AVAILABLE}).features[2] = 3
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await house.gateway.predict(predict_message(model="reshaped"))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "(1,2) came, (?,3) is wanted" in (caught.value.details() or "")


async def test_a_version_the_client_names_is_served_as_asked(house: House) -> None:
    house.serve("named", {1: AVAILABLE, 2: AVAILABLE})
    assert (await house.gateway.predict(predict_message(model="named")))[0] == 2
    assert (await house.gateway.predict(predict_message(model="named", version=1)))[0] == 1


async def test_a_label_that_only_the_replicas_know_is_forwarded_as_sent(house: House) -> None:
    for replica in house.replicas:
        replica.serving.put("labelled", {1: AVAILABLE, 2: AVAILABLE}).labels["stable"] = 1
    assert (await house.gateway.predict(predict_message(model="labelled", label="stable")))[0] == 1


@pytest.mark.asyncio(loop_scope="function")
async def test_a_replica_that_dies_with_the_newest_version_leaves_clients_the_one_there_is(
    start_replica: StartReplica, start_gateway: StartGateway
) -> None:
    newer = await start_replica(FakeServing({"digits": FakeModel({2: AVAILABLE})}))
    older = await start_replica(FakeServing({"digits": FakeModel({1: AVAILABLE})}))
    gateway = await start_gateway(*flags(f"{newer.address},{older.address}"))
    assert (await gateway.predict(predict_message()))[0] == 2
    await newer.stop()
    assert (await gateway.predict(predict_message()))[0] == 1
