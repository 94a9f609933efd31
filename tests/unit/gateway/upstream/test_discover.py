"""Models looked for: found, not there, or nobody can say, which are three different things."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import Failure, Fate
from gateway.upstream.catalog import Catalog
from gateway.upstream.discover import MAX_DISCOVERED, MAX_SEARCHES, Discovery
from gateway.upstream.member import Member
from gateway.upstream.replica import Replica
from gateway.upstream.watch import ReplicaWatch
from tests.fakes.behaviour import AVAILABLE, FakeModel, FakeServing
from tests.unit.gateway.upstream.fakes import DEADLINE_EXCEEDED, UNAVAILABLE, ServingConnection, make_upstream


class Scene:
    """Two replicas that are up, and searches among them."""

    def __init__(self) -> None:
        self.servings = [FakeServing({}), FakeServing({})]
        self.connections = [ServingConnection(serving) for serving in self.servings]
        self.replicas = [Replica(f"r{index}", connection) for index, connection in enumerate(self.connections)]
        self.member = Member(make_upstream(*self.replicas), ())
        self.changed: list[str] = []
        for replica in self.replicas:
            replica.up = True
            watch = ReplicaWatch(self.member.upstream, replica, self.member.models, Catalog(), self._tell)
            self.member.watches[replica.address] = (watch, asyncio.create_task(asyncio.sleep(0)))
        self.discovery = Discovery({"pool": self.member}, self._tell)

    def _tell(self, _upstream: str, model: str) -> None:
        self.changed.append(model)

    async def search(self, model: str, upstream: str = "pool") -> str:
        """The kind of doubt and its words; "" when there is none."""
        ended: asyncio.Future[Failure | None] = asyncio.get_running_loop().create_future()
        self.discovery.discover(upstream, model, ended.set_result)
        doubt = await ended
        return "" if doubt is None else f"{type(doubt).__name__}: {doubt}"

    def asked(self) -> int:
        return sum(len(connection.asked) for connection in self.connections)


async def test_a_model_that_one_replica_has_is_found_and_watched() -> None:
    scene = Scene()
    scene.servings[1].put("there", {1: AVAILABLE})
    assert await scene.search("there") == ""
    assert (scene.member.models, "there" in scene.changed) == ({"there"}, True)


async def test_a_model_that_nobody_has_is_asked_for_once_in_a_while_and_costs_no_memory() -> None:
    scene = Scene()
    assert [await scene.search("absent") for _ in range(3)] == [""] * 3
    assert (scene.asked(), scene.member.models) == (2, set())


@pytest.mark.parametrize("failure", [(DEADLINE_EXCEEDED, Fate.ANSWERED), (UNAVAILABLE, Fate.LOST)])
async def test_a_replica_that_cannot_say_leaves_a_doubt_which_is_not_remembered(failure: tuple[int, Fate]) -> None:
    scene = Scene()
    scene.connections[0].failures = {"m": failure}
    assert await scene.search("m") == 'NoReplica: upstream "pool": a replica could not say whether it has model "m"'
    scene.connections[0].failures = {}
    scene.servings[0].put("m", {1: AVAILABLE})
    assert await scene.search("m") == ""
    assert scene.member.models == {"m"}


async def test_one_replica_that_has_it_outweighs_one_that_cannot_say() -> None:
    scene = Scene()
    scene.connections[0].failures = {"m": (DEADLINE_EXCEEDED, Fate.ANSWERED)}
    scene.servings[1].put("m", {1: AVAILABLE})
    assert await scene.search("m") == ""


async def test_with_nobody_to_ask_there_is_a_doubt() -> None:
    scene = Scene()
    for replica in scene.replicas:
        replica.up = False
    assert await scene.search("m") == 'NoReplica: upstream "pool": nobody could be asked for model "m"'
    assert await scene.search("m", "left") == 'NoReplica: upstream "left": nobody could be asked for model "m"'


async def test_searches_beyond_the_bound_are_shed_not_told_that_there_is_no_such_model() -> None:
    scene = Scene()
    searches = [asyncio.create_task(scene.search(f"m{number}")) for number in range(MAX_SEARCHES + 1)]
    said = await asyncio.gather(*searches)
    assert said == [""] * MAX_SEARCHES + [f"Shed: {MAX_SEARCHES} models are being looked for already; try again later"]


async def test_when_no_more_models_can_be_watched_those_that_are_stay_known() -> None:
    scene = Scene()
    scene.member.models |= {f"m{number}" for number in range(MAX_DISCOVERED)}
    for model in ("m7", "new"):
        scene.servings[0].put(model, {1: AVAILABLE})
    assert await scene.search("m7") == ""
    assert scene.replicas[0].available("m7") == {1}
    assert await scene.search("new") == f"Shed: {MAX_DISCOVERED} models are watched already; no more are taken in"
    assert scene.replicas[0].states("new") == {}


async def test_who_waits_when_the_searches_are_ended_is_told() -> None:
    scene = Scene()
    scene.connections[0].serving.models["m"] = FakeModel({1: AVAILABLE})
    begun = asyncio.create_task(scene.search("m"))
    await asyncio.sleep(0)
    doubts: list[Failure | None] = []
    scene.discovery.discover("pool", "n", doubts.append)
    await scene.discovery.close()
    assert (await begun).startswith("NoReplica")
    assert len(doubts) == 1
    assert doubts[0] is not None
