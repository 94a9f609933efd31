"""Changed configuration: checked, refused whole or put in force whole, counted and logged either way."""

from __future__ import annotations

from pathlib import Path

import structlog

from gateway.app.report import Report
from gateway.app.world import World
from gateway.config.problems import ConfigurationRefused, Problem
from gateway.config.settings import Settings, changes_needing_restart
from gateway.config.watch import ConfigWatcher
from gateway.rollout.shell import RolloutDriver
from gateway.telemetry.counters import Counters

log = structlog.get_logger("config")


class Reloads:
    """Owns the watcher of the file, which puts settings in force one after the other."""

    def __init__(self, path: Path, world: World, rollouts: RolloutDriver, report: Report, counters: Counters) -> None:
        self._world = world
        self._rollouts = rollouts
        self._report = report
        self._counters = counters
        self._watcher = ConfigWatcher(path, world.settings, self._on_settings, self._on_refused)

    def start(self) -> None:
        self._watcher.start()

    def check_now(self) -> None:
        self._watcher.check_now()

    async def close(self) -> None:
        await self._watcher.close()

    def _in_rollout(self) -> set[str]:
        return {state.plan.model for state in self._rollouts.states() if not state.phase.finished}

    async def _on_settings(self, new: Settings) -> None:
        """Raises: ConfigurationRefused (or whatever a bug raises), which the watcher hands to `_on_refused`."""
        restart = changes_needing_restart(self._world.settings, new)
        try:
            await self._world.apply(new, self._in_rollout)
        except OSError as error:  # a certificate that was there when the file was checked can't be read
            problem = Problem(
                ("upstreams",), str(error) if error.filename is None else f"{error.filename}: {error.strerror}"
            )
            raise ConfigurationRefused(new.source, [problem]) from error
        for section in restart:
            log.warning("this section changes only at a restart", section=section)
        self._report.problems = ()
        self._counters.config_reloads.add(("applied",))
        log.info("configuration in force", source=new.source, models=len(new.table.models))

    def _on_refused(self, refused: ConfigurationRefused) -> None:
        self._report.problems = tuple(str(refused).splitlines())
        self._counters.config_reloads.add(("refused",))
        log.error("configuration refused, the old one stays in force", problems=str(refused))
