"""A gateway's rollout driver in a world, which can be killed and started again."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from gateway.rollout.preflight import Wish
from gateway.rollout.shell import RolloutDriver
from gateway.rollout.state import Phase, RolloutState
from tests.unit.gateway.rollout.world import World

WISH = Wish("digits", 3, (10.0, 50.0, 100.0), hold_s=1.0)


class House:
    """A world, a state directory, and the gateway's driver in it, which can be killed and started."""

    def __init__(self, folder: Path) -> None:
        self.world = World(folder / "models.config")
        self.state_dir = folder / "state"
        self.log: list[str] = []
        self.driver = self._driver()

    def _driver(self) -> RolloutDriver:
        return RolloutDriver(
            self.world, self.state_dir, clock=self.world.clock, log=lambda model, words: self.log.append(words)
        )

    async def restart_gateway(self) -> None:
        await self.driver.stop()
        self.world.forget_routes()
        self.driver = self._driver()
        await self.driver.start()

    async def until(self, done: Callable[[RolloutState], bool], model: str = "digits") -> RolloutState:
        """Virtual time is bounded by the driver's own timeouts; real time by this."""
        async with asyncio.timeout(20):
            while not done(self.driver.get(model)):
                await self.world.clock.next_tick()
        return self.driver.get(model)

    async def finished(self, model: str = "digits") -> RolloutState:
        return await self.until(lambda state: state.phase.finished, model)

    async def reach(self, phase: Phase, step_index: int = 0) -> RolloutState:
        return await self.until(lambda state: state.phase is phase and state.step_index == step_index)
