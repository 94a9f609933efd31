"""Settings are put in force whole or not at all, and never under a running rollout."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from gateway.app.world import World
from gateway.config.problems import ConfigurationRefused
from gateway.config.settings import Settings
from tests.fakes.transports import make_wiring
from tests.unit.gateway.app.settings import settings_of
from tests.unit.gateway.upstream.fakes import make_replica

MANAGED = "models: {digits: {versions: managed, version: 1}, faces: {versions: managed, version: 1}}\n"
FACES_2 = "models: {digits: {versions: managed, version: 1}, faces: {versions: managed, version: 2}}\n"
DIGITS_2 = "models: {digits: {versions: managed, version: 2}, faces: {versions: managed, version: 1}}\n"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = World(settings_of(tmp_path, MANAGED, ", models_config: models.config"), random.Random(7), make_wiring())
    yield world
    await world.fleet.close()


async def refusal(world: World, new: Settings, in_rollout: Callable[[], set[str]]) -> list[str]:
    """Why the settings are refused; those before are still in force."""
    before, table = world.settings, world.table
    with pytest.raises(ConfigurationRefused) as caught:
        await world.apply(new, in_rollout)
    assert world.settings is before
    assert world.table is table or world.table == table
    return [str(problem) for problem in caught.value.problems]


async def test_a_model_in_rollout_keeps_its_configuration_and_others_change(world: World, tmp_path: Path) -> None:
    models_config = ", models_config: models.config"
    assert await refusal(world, settings_of(tmp_path, DIGITS_2, models_config), lambda: {"digits"}) == [
        "models.digits: a rollout of this model is running; abort or finish it, then change its configuration"
    ]
    await world.apply(settings_of(tmp_path, FACES_2, models_config), lambda: {"digits"})
    assert world.table.models["faces"].version == 2


@pytest.mark.parametrize("changed", ["", ", models_config: other.config"])
async def test_the_models_config_of_a_rollout_does_not_change_under_it(
    world: World, tmp_path: Path, changed: str
) -> None:
    new = settings_of(tmp_path, MANAGED, changed)
    assert await refusal(world, new, lambda: {"digits"}) == [
        'upstreams.pool.models_config: a rollout of model "digits" is running; abort or finish it, then change its '
        "configuration"
    ]
    await world.apply(new, set)
    assert world.settings is new


async def test_a_rollout_that_starts_while_upstreams_come_up_counts_too(world: World, tmp_path: Path) -> None:
    running: list[set[str]] = [set(), {"digits"}]
    new = settings_of(tmp_path, DIGITS_2, ", models_config: models.config")
    assert len(await refusal(world, new, lambda: running.pop(0))) == 1
    assert running == []


async def test_a_model_that_is_searched_for_gets_its_version_once_all_replicas_answered(tmp_path: Path) -> None:
    world = World(settings_of(tmp_path, "default_upstream: pool\n"), random.Random(7), make_wiring())
    try:
        await world.start()
        quick, slow = make_replica("quick", (1,))[0], make_replica("slow", (2,))[0]
        world.fleet.upstream("pool").replicas += [quick]
        world.versions_changed("pool", "digits")  # the quick one has answered, its mate has not
        assert "digits" not in world.table.models
        world.fleet.upstream("pool").replicas += [slow]
        world.searched("pool", "digits")
        assert world.table.models["digits"].version == 2
    finally:
        await world.fleet.close()
