"""What a rollout may see and do, in terms of the world: gateway/rollout/ports.py says what is promised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.app.world import World
from gateway.predict.context import Context
from gateway.rollout.ports import Mode, ReplicaHandle, VersionState
from gateway.routing.ramp import Ramp
from gateway.routing.route import VersionMode
from gateway.telemetry.counters import Counters
from gateway.telemetry.names import JUDGED_ERROR
from gateway.upstream.ask import RELOAD_PATH, ask
from gateway.upstream.fanout import reload_problem
from gateway.upstream.replica import Replica


class RolloutPorts:
    """Every method but `reload` answers at once from what the watcher and the counters have."""

    def __init__(self, world: World, context: Context, counters: Counters) -> None:
        self._world = world
        self._context = context
        self._counters = counters

    def mode(self, model: str) -> Mode | None:
        route = self._world.table.models.get(model)
        if route is None:
            return None
        return Mode.MANAGED if route.mode is VersionMode.MANAGED else Mode.FOLLOW

    def models_config_path(self, model: str) -> Path | None:
        route = self._world.table.models.get(model)
        return None if route is None else self._world.settings.upstreams[route.upstream].models_config

    def replicas(self, model: str) -> Sequence[ReplicaHandle]:
        return self._replicas(model)

    async def reload(self, replica: ReplicaHandle, request: bytes, timeout_s: float) -> None:
        if not isinstance(replica, Replica):
            raise TypeError(f"{replica!r} is no replica of this gateway")
        reply = await ask(replica, RELOAD_PATH, request, timeout_s)
        problem = reload_problem(reply)
        if problem is not None:
            raise problem

    def version_states(self, model: str) -> Mapping[str, Mapping[int, VersionState]]:
        return {replica.address: dict(replica.states(model)) for replica in self._replicas(model)}

    def poke_watch(self, model: str) -> None:
        for replica in self._replicas(model):
            replica.poke()

    def set_ramp(self, model: str, to_version: int, percent: float) -> None:
        self._world.ramp(model, Ramp(to_version, percent) if percent else None)

    def set_promoted(self, model: str, version: int) -> None:
        self._world.promote(model, version)

    def promoted_version(self, model: str) -> int | None:
        route = self._world.table.models.get(model)
        return None if route is None else route.version

    def counts(self, model: str, version: int) -> tuple[int, int]:
        calls = errors = 0
        for (name, _, of_version, outcome), count in self._counters.judged_calls.series.items():
            if name == model and of_version == str(version):
                calls += count
                errors += count if outcome == JUDGED_ERROR else 0
        return calls, errors

    def in_flight(self, model: str, version: int) -> int:
        return self._context.active[model, version]

    def pinned_versions(self, model: str) -> set[int]:
        route = self._world.table.models.get(model)
        if route is None:
            return set()
        arms = route.split.arms if route.split is not None else ()
        return {arm.version for arm in arms if arm.version is not None} | set(route.labels.values())

    def _replicas(self, model: str) -> list[Replica]:
        route = self._world.table.models.get(model)
        return [] if route is None else [r for r in self._world.fleet.upstream(route.upstream).replicas if r.in_use]
