"""The fleet in this process: names become replicas, replicas come and go, models are found."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from gateway.errors import Failure
from gateway.upstream.connect import connector
from gateway.upstream.fleet import Fleet
from gateway.upstream.policy import UpstreamPolicy
from gateway.upstream.resolve import Endpoint
from tests.fakes.behaviour import AVAILABLE, FakeModel, FakeServing, Fault
from tests.fakes.replica import FakeReplica
from tests.fakes.transports import make_wiring
from tests.fakes.waiting import until

NAME = "tfs.test:8500"
FAST = UpstreamPolicy(status_poll_interval_s=0.02, resolve_interval_s=0.02)


class Names:
    """A resolver whose names mean what the test says; None, and any other name: it can't be resolved now."""

    def __init__(self) -> None:
        self.means: dict[str, list[str] | None] = {}

    async def resolve(self, spec: str) -> list[Endpoint]:
        addresses = self.means.get(spec)
        if addresses is None:
            raise OSError("no answer")
        return [Endpoint(address, f"ipv4:{address}", spec) for address in addresses]


class House:
    """Three fakes, a fleet that knows them as one name, and what it told."""

    def __init__(self) -> None:
        self.serving = FakeServing({"digits": FakeModel({1: AVAILABLE})})
        self.replicas = [FakeReplica(self.serving) for _ in range(3)]
        self.names = Names()
        self.changed: list[tuple[str, str]] = []
        self.wiring = make_wiring()
        self.fleet = Fleet(
            lambda *change: self.changed.append(change), random.Random(7), connector(self.wiring), self.names.resolve
        )

    def up(self) -> set[str]:
        return {replica.address for replica in self.fleet.upstream("pool").up}

    def known(self) -> set[str]:
        return {replica.address for replica in self.fleet.upstream("pool").replicas}

    async def discover(self, model: str) -> bool:
        """Whether a replica has it; asserts that all could say so."""
        found: asyncio.Future[Failure | None] = asyncio.get_running_loop().create_future()
        self.fleet.discover("pool", model, found.set_result)
        assert await found is None
        return any(replica.states(model) for replica in self.fleet.upstream("pool").replicas)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House()
    house.names.means[NAME] = [await replica.start() for replica in house.replicas][:2]
    await house.fleet.add("pool", (NAME,), FAST, {"digits"})
    yield house
    await house.fleet.close()
    for replica in house.replicas:
        await replica.stop()


async def test_a_name_with_two_addresses_is_two_replicas(house: House) -> None:
    assert house.up() == {replica.address for replica in house.replicas[:2]}


async def test_replicas_follow_what_the_name_means(house: House) -> None:
    wanted = [house.replicas[1].address, house.replicas[2].address]
    house.names.means[NAME] = list(wanted)
    await until(lambda: house.up() == set(wanted), "the third replica in place of the first")


async def test_a_name_that_cannot_be_resolved_keeps_the_replicas_it_had(house: House) -> None:
    before = house.up()
    house.names.means[NAME] = None
    seen = len(house.replicas[0].received)
    await until(lambda: len(house.replicas[0].received) > seen + 3, "some more looks")
    assert house.up() == before


async def test_a_name_that_cannot_be_resolved_takes_nothing_from_the_others(house: House) -> None:
    third = house.replicas[2].address
    house.names.means["third.test:8500"] = [third]
    await house.fleet.add("pool", (NAME, "gone.test:8500", "third.test:8500"), FAST, set())
    assert house.up() == {replica.address for replica in house.replicas}
    house.names.means[NAME] = None
    house.names.means["third.test:8500"] = [house.replicas[0].address]
    await until(lambda: third not in house.known(), "the other name to be followed")
    assert house.up() == {replica.address for replica in house.replicas[:2]}


async def test_old_replicas_serve_until_the_new_ones_were_looked_at(house: House) -> None:
    before, answers = house.up(), asyncio.Event()
    house.replicas[2].inject(Fault("GetModelStatus", until=answers))
    house.names.means["other.test:8500"] = [house.replicas[2].address]
    change = asyncio.create_task(house.fleet.add("pool", ("other.test:8500",), FAST, set()))
    await until(lambda: house.replicas[2].calls("GetModelStatus"), "the first look at the new one")
    assert house.up() == before
    answers.set()
    await change
    assert house.up() == {house.replicas[2].address}


async def test_old_replicas_serve_while_none_of_the_new_ones_is_up(house: House) -> None:
    before, new = house.up(), house.replicas[2]
    await new.stop()
    house.names.means["other.test:8500"] = [new.address]
    await house.fleet.add("pool", ("other.test:8500",), FAST, set())
    assert house.up() == before
    await new.start(new.address)
    await until(lambda: house.known() == {new.address}, "the new one in place of the old ones")
    assert house.up() == {new.address}


async def test_a_removed_upstream_leaves_no_signatures(house: House) -> None:
    house.fleet.remove("pool")
    assert house.fleet.catalog.find("pool", "digits", 1) is None


async def test_a_replica_that_dies_and_returns_is_noticed_both_times(house: House) -> None:
    address = house.replicas[0].address
    await house.replicas[0].stop()
    await until(lambda: address not in house.up(), "the death to be noticed")
    await house.replicas[0].start(address)
    await until(lambda: address in house.up(), "the return to be noticed")


async def test_what_a_call_noticed_first_is_told_all_the_same(house: House) -> None:
    """The courier marks a replica lost before the watcher looks; clients that follow must still hear of it."""
    address, house.changed[:] = house.replicas[0].address, []
    await house.replicas[0].stop()
    next(replica for replica in house.fleet.upstream("pool").replicas if replica.address == address).lost()
    await until(lambda: ("pool", "digits") in house.changed, "the change to be told")


async def test_signatures_are_known_before_a_version_takes_traffic(house: House) -> None:
    assert house.fleet.catalog.find("pool", "digits", 1) is not None
    house.serving.put("digits", {1: AVAILABLE, 2: AVAILABLE})
    await until(lambda: 2 in house.fleet.upstream("pool").up[0].available("digits"), "version 2")
    assert house.fleet.catalog.find("pool", "digits", 2) is not None


async def test_models_are_searched_once_and_unknown_ones_believed_for_a_while(house: House) -> None:
    house.serving.put("found", {1: AVAILABLE})
    assert await asyncio.gather(*(house.discover("found") for _ in range(5))) == [True] * 5
    assert await asyncio.gather(*(house.discover("nosuch") for _ in range(5))) == [False] * 5
    assert await house.discover("nosuch") is False
    asked = [call for replica in house.replicas for call in replica.received if b"nosuch" in call.message]
    assert len(asked) == 2
    assert house.fleet.upstream("pool").up[0].states("nosuch") == {}


async def test_closing_ends_every_task(house: House) -> None:
    await house.fleet.close()
    left = {task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()}
    assert not [name for name in left if name.startswith(("watch", "resolve", "search"))]
