"""One replica watched: up and down, what is learned and forgotten, and who is told."""

from __future__ import annotations

import pytest

from gateway.errors import Fate
from gateway.upstream.catalog import Catalog
from gateway.upstream.replica import Replica
from gateway.upstream.watch import SLOW_ROUNDS_BEFORE_DOWN, ReplicaWatch
from tests.fakes.behaviour import AVAILABLE, FakeModel, FakeServing
from tests.unit.gateway.upstream.fakes import DEADLINE_EXCEEDED, UNAVAILABLE, ServingConnection, make_upstream

HANGS = (DEADLINE_EXCEEDED, Fate.ANSWERED)


class Scene:
    """A replica with these models, each in version 1, and its watch, which looks when the test says."""

    def __init__(self, *models: str) -> None:
        self.serving = FakeServing({model: FakeModel({1: AVAILABLE}) for model in models})
        self.connection = ServingConnection(self.serving)
        self.replica = Replica("a", self.connection)
        self.catalog = Catalog()
        self.told: list[str] = []
        self.gone: list[tuple[str, str, frozenset[int]]] = []
        self.catalog.on_gone = lambda *gone: self.gone.append(gone)
        self.upstream = make_upstream(self.replica)
        self.watch = ReplicaWatch(
            self.upstream, self.replica, set(models), self.catalog, lambda _, model: self.told.append(model)
        )

    async def look(self) -> bool:
        await self.watch.look()
        return self.replica.up

    def hang(self, *models: str) -> None:
        self.connection.failures = dict.fromkeys(models, HANGS)

    def features(self, version: int = 1) -> int | None:
        """How long a row of the version is, as its signature says."""
        signatures = self.catalog.find("pool", "a", version)
        shape = None if signatures is None else signatures["serving_default"].inputs["x"].shape
        return None if shape is None else shape[1]


@pytest.mark.parametrize("models", [["a"], ["a", "b"], ["a", "b", "c"]])
async def test_a_replica_that_hangs_is_down_after_some_rounds_however_many_models_it_has(models: list[str]) -> None:
    scene = Scene(*models)
    assert await scene.look()
    scene.hang(*models)
    ups = [await scene.look() for _ in range(SLOW_ROUNDS_BEFORE_DOWN + 1)]
    assert ups == [True] * (SLOW_ROUNDS_BEFORE_DOWN - 1) + [False, False]
    scene.hang()
    assert await scene.look()


async def test_one_slow_model_among_quick_ones_is_enough_and_a_quick_round_forgives() -> None:
    scene = Scene("a", "b")
    await scene.look()
    for hanging in (["b"], [], ["a"]):
        scene.hang(*hanging)
        assert await scene.look()
    assert not await scene.look()


async def test_a_port_that_takes_connections_and_never_speaks_is_never_up() -> None:
    scene = Scene("a")
    scene.hang("a")
    assert [await scene.look() for _ in range(3)] == [False] * 3
    assert scene.told == []


async def test_an_error_of_its_own_is_a_sign_of_life_and_silence_is_none() -> None:
    scene = Scene("a")
    scene.connection.failures = {"a": (UNAVAILABLE, Fate.ANSWERED)}
    assert await scene.look()
    scene.connection.failures = {"a": (UNAVAILABLE, Fate.REFUSED)}
    assert not await scene.look()


async def test_who_follows_hears_of_a_replica_lost_and_found_between_two_looks() -> None:
    scene = Scene("a", "b")
    await scene.look()
    scene.told.clear()
    scene.serving.put("a", {2: AVAILABLE})
    scene.replica.lost()  # as a call finds it
    assert await scene.look()
    assert scene.replica.available("a") == {2}
    assert scene.told == ["a", "b"]
    await scene.look()
    assert scene.told == ["a", "b"]


async def test_a_replica_lost_during_a_look_is_up_only_after_another() -> None:
    """What it said before may be true no more, and what was learned of it is forgotten."""
    scene = Scene("a")
    await scene.look()
    scene.told.clear()
    state = scene.serving.status

    def lost_meanwhile(message: bytes) -> bytes:
        scene.replica.lost()
        return state(message)

    scene.serving.status = lost_meanwhile  # type: ignore[method-assign]  # dies under the question
    assert not await scene.look()
    scene.serving.status = state  # type: ignore[method-assign]  # as it was
    assert await scene.look()
    assert scene.told == ["a", "a"]


@pytest.mark.parametrize("noticed_by_a_call", [True, False])
async def test_a_version_that_comes_back_with_its_replica_has_its_new_signature(noticed_by_a_call: bool) -> None:
    scene = Scene("a")
    await scene.look()
    assert scene.features() == 2
    scene.serving.models["a"].features[1] = 3
    if noticed_by_a_call:
        scene.replica.lost()
    else:
        scene.connection.failures = {"a": (UNAVAILABLE, Fate.REFUSED)}
        await scene.look()
        assert scene.features() is None
        scene.connection.failures = {}
    await scene.look()
    assert (scene.features(), scene.gone) == (3, [("pool", "a", frozenset({1}))])


async def test_what_another_replica_still_has_keeps_its_signature() -> None:
    scene, other = Scene("a"), Replica("b", ServingConnection(FakeServing()))
    await scene.look()
    other.learn("a", scene.replica.states("a"))
    scene.upstream.replicas.append(other)
    scene.replica.lost()
    scene.connection.failures = {"a": (UNAVAILABLE, Fate.REFUSED)}
    await scene.look()
    assert (scene.features(), scene.gone) == (2, [])
