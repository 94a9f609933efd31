"""The whole gateway of one process: composed from settings, started in order, drained in reverse order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from pathlib import Path

import structlog

from gateway.admin.http import HttpPages, make_http_app, serve_http
from gateway.admin.service import AdminServicer
from gateway.admin.socket import AdminSocket, claim_state_dir
from gateway.app.batch_metrics import copy_batch_counts
from gateway.app.joins import Joins
from gateway.app.ports import RolloutPorts
from gateway.app.reload import Reloads
from gateway.app.report import Report
from gateway.app.transport import Transport
from gateway.app.world import World
from gateway.batching.counters import BatchCounters
from gateway.batching.policy import BatchPolicy
from gateway.batching.shell import Batcher
from gateway.call import monotonic_us
from gateway.config.settings import DEFAULT_POLICY, Settings
from gateway.limits.admission import Admission
from gateway.limits.suspects import SuspectRules
from gateway.predict.context import Context, Shield
from gateway.predict.handle import Handler
from gateway.predict.journey import run_alone
from gateway.rollout.shell import RolloutDriver
from gateway.telemetry import names
from gateway.telemetry.collector import GatewayCollector, Samples, registry_of
from gateway.telemetry.counters import Counters
from gateway.upstream.courier import Courier

HEALTH_INTERVAL_S = 0.2
DRAIN_LOOK_S = 0.02
FLUSH_S = 0.5

log = structlog.get_logger("app")


@dataclass(frozen=True)
class Bound:
    """The ports in use, once started."""

    port: int
    http_port: int


class Gateway:
    """`start`, serve until told otherwise, `drain`. Must be made inside a running event loop."""

    def __init__(self, settings: Settings, config_path: Path | None, state_dir: Path) -> None:
        self._settings = settings
        self._config_path = config_path
        self._state_dir = state_dir
        self.counters = Counters()
        chance = random.Random()
        self.transport = Transport(settings, chance)
        self.world = World(settings, chance, self.transport.wiring)
        suspects = next(iter(settings.upstreams.values())).policy.suspects
        courier = Courier(SuspectRules(suspects), self.counters)
        self.batch_counters = BatchCounters()
        self.batcher = self._make_batcher(courier)
        self.context = Context(
            table=settings.table,
            upstreams={},
            catalog=self.world.fleet.catalog,
            courier=courier,
            batcher=self.batcher,
            admission=Admission(settings.server.max_concurrent_calls),
            shield=Shield(settings.shield.check_inputs, settings.shield.max_tensor_bytes),
            refresh=self.world.fleet.discover,
            batch_policy=self.batch_policy,
            chance=chance,
            counters=self.counters,
            allow_reload_config=settings.server.allow_reload_config,
        )
        self.world.context = self.context
        self.world.fleet.catalog.on_gone = self.batcher.forget
        self.report = Report(self.world, self.counters, self.batcher, self.batch_counters)
        self.rollouts = RolloutDriver(
            RolloutPorts(self.world, self.context, self.counters), state_dir, log=_log_rollout
        )
        self.server = self.transport.server(Handler(self.context), self.counters)
        self._admin: AdminSocket | None = None
        self._pages: HttpPages | None = None
        self._reloads: Reloads | None = None
        self._health_task: asyncio.Task[None] | None = None
        self._renewing: asyncio.Task[None] | None = None

    def _make_batcher(self, courier: Courier) -> Batcher:
        joins = Joins(self.world, courier)
        return Batcher(
            send=joins.send,
            fallback=run_alone,
            slots=lambda upstream: joins.replicas_up(upstream) * self._slots_per_replica(),
            policy_of=self.batch_policy,
            counters=self.batch_counters,
            now_us=monotonic_us,
            loop=asyncio.get_running_loop(),
        )

    def _slots_per_replica(self) -> int:
        return self.world.settings.batch_policy(DEFAULT_POLICY).slots_per_replica

    def batch_policy(self, model: str) -> BatchPolicy:
        """The batching policy in force for a model."""
        return self.world.settings.batch_policy(model)

    async def start(self) -> Bound:
        """Everything up, the client port last. Raises: CannotServe, CannotListen; what was started must be closed."""
        settings = self._settings
        self._admin = claim_state_dir(self._state_dir)
        await self.world.start()
        await self.rollouts.start()
        await self._admin.start(AdminServicer(self.report.status, self.rollouts))
        registry = registry_of(GatewayCollector(self.counters, self._gauges(), self._bring_in))
        pages = make_http_app(registry, self.report.readiness)
        self._pages = await serve_http(pages, settings.http.host, settings.http.port)
        if self._config_path is not None:
            self._reloads = Reloads(self._config_path, self.world, self.rollouts, self.report, self.counters)
            self._reloads.start()
        await self.server.health.set(not self.report.readiness())
        self._health_task = asyncio.create_task(self._keep_health(), name="health")
        await self.server.start()
        return Bound(self.server.port, self._pages.port)

    def reload_now(self) -> None:
        """Look at the configuration file and the client port's certificates at once (SIGHUP)."""
        self._renewing = asyncio.create_task(self.server.renew_certificates(), name="renew certificates")
        if self._reloads is not None:
            self._reloads.check_now()

    async def drain(self) -> bool:
        """Say so, wait `drain_delay_s` for balancers to hear it, end in reverse order. False: calls were cut off."""
        self.report.draining = True
        await self.server.health.set(False)
        await asyncio.sleep(self._settings.server.drain_delay_s)
        timeout_s = self._settings.server.drain_timeout_s
        refusing = asyncio.create_task(self.server.stop(timeout_s + FLUSH_S), name="refuse new calls")
        await asyncio.sleep(DRAIN_LOOK_S)  # let it begin: until then calls still come in
        await self._calls_end(timeout_s)
        if not self._unfinished():
            await self.server.stop(FLUSH_S)  # the last goodbyes; whoever watches health would watch for ever
        cut_off = self._unfinished()
        await self.close()
        await refusing
        return not cut_off

    async def _calls_end(self, timeout_s: float) -> None:
        """Wait, so long, for the calls in flight and for their replies to leave."""
        for _ in range(ceil(timeout_s / DRAIN_LOOK_S)):
            if not self._unfinished():
                return
            await asyncio.sleep(DRAIN_LOOK_S)

    def _unfinished(self) -> bool:
        return self.context.admission.unfinished > 0 or self.server.unfinished > 0

    async def close(self) -> None:
        """End whatever was started; of no consequence for what was not."""
        for task in (self._health_task, self._renewing):
            if task is not None:
                task.cancel()
                await asyncio.wait([task])
        if self._reloads is not None:
            await self._reloads.close()
        await self.server.stop(0)
        self.batcher.close()
        await self.rollouts.stop()
        if self._admin is not None:
            await self._admin.close()
        await self.world.fleet.close()
        if self._pages is not None:
            await self._pages.close()

    async def _keep_health(self) -> None:
        """gRPC health says what /readyz says."""
        while True:
            await asyncio.sleep(HEALTH_INTERVAL_S)
            await self.server.health.set(not self.report.readiness())

    def _bring_in(self) -> None:
        """Counts that are kept elsewhere, before each scrape."""
        copy_batch_counts(self.batch_counters, self.counters)
        self.transport.copy_counts(self.counters)

    def _gauges(self) -> dict[str, Callable[[], Samples]]:
        transport = {
            names.CONNECTIONS.name: self.transport.connections,
            names.BUFFERED_BYTES.name: self.transport.buffered,
        }
        return {**self.report.gauges(), **transport}


def _log_rollout(model: str, words: str) -> None:
    log.info(words, model=model)
