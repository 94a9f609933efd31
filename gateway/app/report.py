"""What operators see: status, gauges, readiness, all read from the world when somebody asks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib.metadata import version as installed_version

from gateway.app.batch_states import OFF_BY_CONFIGURATION, SignatureState, mode_words, signature_states
from gateway.app.world import World
from gateway.batching.counters import BatchCounters
from gateway.batching.policy import BatchMode
from gateway.batching.shell import Batcher
from gateway.http2 import connection
from gateway.routing.route import ModelRoute
from gateway.telemetry import names
from gateway.telemetry.collector import Samples
from gateway.telemetry.counters import Counters
from protos.stubs.tidegate.admin.v1 import admin_pb2

VERSION = installed_version("tidegate")
# Whether the data plane's modules are C extensions (docs/adr/0005-a-compiled-build.md).
BUILD = "interpreted" if str(connection.__file__).endswith(".py") else "compiled"


class Report:
    """Reads, never writes."""

    def __init__(self, world: World, counters: Counters, batcher: Batcher, batch_counters: BatchCounters) -> None:
        self._world = world
        self._counters = counters
        self._batch_counters = batch_counters
        self._batcher = batcher
        self._started_s = time.monotonic()
        self.draining = False
        self.problems: tuple[str, ...] = ()  # of the last configuration that was refused

    def readiness(self) -> list[str]:
        """Why the gateway should get no calls: draining, or a configured model no replica can serve."""
        if self.draining:
            return ["draining"]
        problems = []
        for name, upstream in self._world.fleet.upstreams.items():
            if not upstream.up:
                problems.append(f'upstream "{name}": none of its {len(upstream.replicas)} replicas is up')
        for model in self._world.settings.table.models:
            route = self._world.table.models.get(model)
            if route is None or not self._serves(route):
                wanted = "" if route is None or route.version is None else f" version {route.version}"
                problems.append(f'model "{model}"{wanted} is AVAILABLE on no replica')
        return problems

    def _serves(self, route: ModelRoute) -> bool:
        upstream = self._world.fleet.upstreams.get(route.upstream)
        if upstream is None or route.version is None:
            return False
        return any(replica.serves(route.name, route.version) for replica in upstream.up)

    def status(self) -> admin_pb2.GetStatusResponse:
        """Everything but the rollouts, which the admin service fills in."""
        response = admin_pb2.GetStatusResponse(
            version=VERSION,
            uptime_s=time.monotonic() - self._started_s,
            config_path=self._world.settings.source,
            problems=self.problems,
        )
        response.models.extend(self._model(route) for _, route in sorted(self._world.table.models.items()))
        return response

    def _model(self, route: ModelRoute) -> admin_pb2.ModelStatus:
        calls, errors, by_arm = self._traffic(route.name)
        configured = self._world.settings.table.models.get(route.name)
        status = admin_pb2.ModelStatus(
            name=route.name,
            upstream=route.upstream,
            versions_mode=route.mode.value,
            promoted_version=route.version or 0,
            has_promoted_version=route.version is not None,
            configured_version=(configured.version or 0) if configured is not None else 0,
            labels=dict(route.labels),
            batching=mode_words(self._world.settings.batch_policy(route.batching)),
            calls=calls,
            errors=errors,
            mean_batch_rows=self._mean_batch_rows(route.name),
        )
        status.arms.extend(_arms(route, by_arm))
        for known in self._signatures(route):
            status.signatures.add(
                name=known.signature,
                version=known.version,
                batching=known.state,
                reason=known.reason,
                poisoned_lanes=known.poisoned_lanes,
                poisoned_s=known.poisoned_s,
            )
        for replica in self._world.fleet.upstream(route.upstream).replicas:
            status.replicas.add(
                upstream=route.upstream,
                address=replica.address,
                up=replica.up,
                in_flight=replica.in_flight,
                versions=sorted(replica.available(route.name)),
            )
        return status

    def _signatures(self, route: ModelRoute) -> list[SignatureState]:
        """Whether the calls of each signature are joined."""
        policy = self._world.settings.batch_policy(route.batching)
        proofs, poisoned = self._batcher.proofs(), self._batcher.poisoned()
        return signature_states(policy, proofs, poisoned, route.upstream, route.name)

    def _mean_batch_rows(self, model: str) -> float:
        of_model = [entry for (name, _), entry in self._batch_counters.by_version.items() if name == model]
        batches = sum(entry.batches for entry in of_model)
        return sum(entry.rows for entry in of_model) / batches if batches else 0.0

    def _traffic(self, model: str) -> tuple[int, int, dict[tuple[str, str], list[int]]]:
        """(calls, errors, the two by arm and version); an error is what a rollout's judge takes for one."""
        by_arm: dict[tuple[str, str], list[int]] = {}
        for (name, _, arm, version, _), count in self._counters.requests.series.items():
            if name == model:
                by_arm.setdefault((arm, version), [0, 0])[0] += count
        for (name, arm, version, outcome), count in self._counters.judged_calls.series.items():
            if name == model and outcome == names.JUDGED_ERROR:
                by_arm.setdefault((arm, version), [0, 0])[1] += count
        calls, errors = (sum(entry[column] for entry in by_arm.values()) for column in (0, 1))
        return calls, errors, by_arm

    def gauges(self) -> dict[str, Callable[[], Samples]]:
        """Sources of the gauges, by metric name."""
        return {
            names.IN_FLIGHT.name: self._in_flight,
            names.REPLICA_UP.name: self._replica_up,
            names.VERSION_AVAILABLE.name: self._version_available,
            names.ROLLOUT_PERCENT.name: self._rollout_percent,
            names.BATCHING_STATE.name: self._batching_states,
            names.BATCH_POISONED_LANES.name: self._poisoned_lanes,
            names.BATCH_SLOTS.name: lambda: self._slots(2),
            names.BATCH_SLOTS_IN_USE.name: lambda: self._slots(1),
            names.BUILD_INFO.name: lambda: [((VERSION, BUILD), 1.0)],
        }

    def _in_flight(self) -> Iterator[tuple[tuple[str, ...], float]]:
        for name, upstream in self._world.fleet.upstreams.items():
            for replica in upstream.replicas:
                yield (name, replica.address), float(replica.in_flight)

    def _replica_up(self) -> Iterator[tuple[tuple[str, ...], float]]:
        for name, upstream in self._world.fleet.upstreams.items():
            for replica in upstream.replicas:
                yield (name, replica.address), float(replica.up)

    def _version_available(self) -> Iterator[tuple[tuple[str, ...], float]]:
        """How many replicas have each version AVAILABLE."""
        for model, route in self._world.table.models.items():
            up = self._world.fleet.upstream(route.upstream).up
            for version in sorted(frozenset[int]().union(*(replica.available(model) for replica in up))):
                having = sum(version in replica.available(model) for replica in up)
                yield (route.upstream, model, str(version)), float(having)

    def _batching_states(self) -> Iterator[tuple[tuple[str, ...], float]]:
        """Where configuration joins nothing of a model, one series says so, without version and signature."""
        for model, route in self._world.table.models.items():
            if self._world.settings.batch_policy(route.batching).mode is BatchMode.OFF:
                yield (model, "", "", OFF_BY_CONFIGURATION), 1.0
            for known in self._signatures(route):
                yield (model, str(known.version), known.signature, known.state), 1.0

    def _poisoned_lanes(self) -> Iterator[tuple[tuple[str, ...], float]]:
        for model, route in self._world.table.models.items():
            for known in self._signatures(route):
                yield (model, str(known.version), known.signature), float(known.poisoned_lanes)

    def _slots(self, column: int) -> Iterator[tuple[tuple[str, ...], float]]:
        """Of each upstream: column 1 of Batcher.slots_in_use is what is in flight, column 2 what may be."""
        for entry in self._batcher.slots_in_use():
            yield (entry[0],), float(entry[column])

    def _rollout_percent(self) -> Iterator[tuple[tuple[str, ...], float]]:
        for model, ramp in self._world.ramps.items():
            yield (model,), ramp.percent


def _arms(route: ModelRoute, by_arm: dict[tuple[str, str], list[int]]) -> Iterator[admin_pb2.Arm]:
    """Configured arms with what they were sent; a ramp's two versions are two lines of the arm it splits."""
    arms = [(arm.name, arm.weight_percent, arm.version) for arm in route.split.arms] if route.split else []
    for name, weight, fixed in arms or [("default", 100.0, None)]:
        shares = [(route.version if fixed is None else fixed, weight)]
        if fixed is None and route.ramp is not None:
            ahead = weight * route.ramp.percent / 100
            shares = [(route.version, weight - ahead), (route.ramp.to_version, ahead)]
        for version, share in shares:
            calls, errors = by_arm.get((name, "" if version is None else str(version)), (0, 0))
            yield admin_pb2.Arm(
                name=name,
                version=version or 0,
                has_version=version is not None,
                weight_percent=share,
                calls=calls,
                errors=errors,
            )
