"""A gateway killed at any point of a rollout goes on with it when it is back; no user meets a version that is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from gateway.rollout.preflight import Wish
from gateway.rollout.state import Phase
from gateway.rollout.store import restore
from tests.unit.gateway.rollout.house import WISH, House
from tests.unit.gateway.rollout.world import VirtualClock

PHASES = [
    (Phase.LOADING, 0),
    (Phase.STEPPING, 0),
    (Phase.STEPPING, 1),
    (Phase.STEPPING, 2),
    (Phase.UNLOADING, 2),
]


@pytest.mark.parametrize(("phase", "step_index"), PHASES)
async def test_a_restart_in_any_phase_ends_promoted(house: House, phase: Phase, step_index: int) -> None:
    await house.driver.begin(WISH)
    await house.reach(phase, step_index)
    await house.restart_gateway()
    state = await house.finished()
    assert state.phase is Phase.PROMOTED, state.reason
    assert house.world.promoted["digits"] == 3
    assert house.world.in_file() == (3,)
    assert house.world.available(1) == [False, False]
    assert house.world.lost_calls == 0


async def test_a_restart_gives_the_step_its_users_back_before_the_first_tick(house: House) -> None:
    await house.driver.begin(WISH)
    await house.reach(Phase.STEPPING, 1)
    await house.restart_gateway()
    assert house.world.ramps["digits"] == (3, 50.0)


async def test_a_restart_while_aborting_ends_aborted(house: House) -> None:
    house.world.error_ratio = {3: 1.0}
    house.world.stuck = {3: 1}
    await house.driver.begin(WISH)
    await house.reach(Phase.ABORTING)
    await house.restart_gateway()
    assert house.world.ramps == {}
    state = await house.finished()
    assert state.phase is Phase.ABORTED
    assert house.world.in_file() == (1,)


async def test_a_promoted_version_overrides_the_yaml_after_a_restart(house: House) -> None:
    await house.driver.begin(WISH)
    await house.finished()
    await house.restart_gateway()
    assert house.world.promoted["digits"] == 3


async def test_an_aborted_rollout_keeps_what_an_earlier_one_promoted(house: House) -> None:
    await house.driver.begin(WISH)
    await house.finished()
    house.world.error_ratio = {4: 1.0}
    await house.driver.begin(Wish("digits", 4, (50.0, 100.0), hold_s=1.0))
    assert (await house.finished()).phase is Phase.ABORTED
    await house.restart_gateway()
    assert house.world.promoted["digits"] == 3


class Killer:
    """Kills the gateway at its n-th act on the world."""

    def __init__(self, at: int, clock: VirtualClock) -> None:
        self.left = at
        self.killed = False
        self._clock = clock

    def __call__(self, operation: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.killed = True
        if self.killed:
            self._clock.wake()
            raise asyncio.CancelledError


async def _killed_at(house: House, act: int) -> bool:
    """Run a rollout, kill the gateway at that act, and start it again. False when the rollout ended before."""
    killer = Killer(act, house.world.clock)
    house.world.trap = killer
    starting = asyncio.create_task(house.driver.begin(WISH))
    while not killer.killed:
        states = house.driver.states()
        if states and states[0].phase.finished:
            house.world.trap = lambda operation: None
            await house.driver.stop()
            return False
        await house.world.clock.next_tick() if starting.done() else await asyncio.wait({starting})
    await asyncio.wait({starting})
    house.world.trap = lambda operation: None
    await house.restart_gateway()
    return True


async def test_killed_at_each_act_in_turn_it_always_ends_promoted(tmp_path: Path) -> None:
    act, kills = 1, 0
    while kills < 100:
        (tmp_path / str(act)).mkdir()
        house = House(tmp_path / str(act))
        if not await _killed_at(house, act):
            break
        assert restore(house.state_dir).problems == ()
        state = await house.finished()
        assert (state.phase, house.world.in_file()) == (Phase.PROMOTED, (3,)), (act, state.reason)
        assert house.world.lost_calls == 0, act
        await house.driver.stop()
        act, kills = act + 1, kills + 1
    assert 10 < kills < 100
