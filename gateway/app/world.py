"""What is in force: settings, route table with what was learned and what rollouts decided, upstreams."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import structlog

from gateway.config.problems import ConfigurationRefused, Problem
from gateway.config.settings import Settings
from gateway.predict.context import Context, Shield
from gateway.routing.ramp import Ramp
from gateway.routing.route import ModelRoute, VersionMode
from gateway.routing.table import RouteTable
from gateway.upstream.connect import connector
from gateway.upstream.fleet import Fleet
from gateway.upstream.replica import highest_common
from gateway.upstream.wiring import Wiring

log = structlog.get_logger("app")


class World:
    """The only writer of `context.table` and `context.upstreams`; everyone else reads them."""

    def __init__(self, settings: Settings, chance: random.Random, wiring: Wiring) -> None:
        self.settings = settings
        self.fleet = Fleet(self.versions_changed, chance, connector(wiring), searched=self.searched)
        self.context: Context | None = None  # set once by compose(), before anything starts
        self.table: RouteTable = settings.table
        self.promoted: dict[str, int] = {}  # by rollouts, over what the file says
        self.ramps: dict[str, Ramp] = {}
        self._changing = asyncio.Lock()

    async def start(self) -> None:
        """Bring up every upstream of the settings."""
        await self._bring_up(self.settings)

    def publish(self, table: RouteTable) -> None:
        """Put a table in force: from now on every call that arrives is routed by it."""
        self.table = table
        if self.context is not None:
            self.context.table = table
            self.context.upstreams = self.fleet.upstreams

    def versions_changed(self, upstream: str, model: str) -> None:
        """A replica's AVAILABLE versions changed: a model that follows takes the version that all of them have.

        A model that no route names yet is left to the end of its search: the first replica's answer is not all of them.
        """
        if self.context is not None:
            self.context.batcher.slots_changed(upstream)
        if model in self.table.models:
            self.searched(upstream, model)

    def searched(self, upstream: str, model: str) -> None:
        """All replicas were asked, or one of those of a known model has news: route by what they have now."""
        table = self.table
        route = table.models.get(model)
        if route is None and table.default_upstream != upstream:
            return
        if route is not None and (route.upstream != upstream or route.mode is not VersionMode.FOLLOW):
            return
        replicas = self.fleet.upstream(upstream).up if upstream in self.fleet.upstreams else []
        version = highest_common(replicas, model, None if route is None else route.version)
        known = any(replica.states(model) for replica in replicas)
        if route is None and known:
            self.publish(table.with_version(model, version))
            log.info("model found", model=model, upstream=upstream, version=version)
        elif route is not None and version is not None and version != route.version:
            self.publish(table.with_version(model, version))
            log.info("promoted version follows", model=model, was=route.version, now=version)
        elif route is not None and replicas and not known and model not in self.settings.table.models:
            self.publish(table.without(model))
            self.fleet.forget_model(upstream, model)
            log.info("model gone", model=model, upstream=upstream)

    def promote(self, model: str, version: int) -> None:
        """A rollout made `version` the promoted one; its ramp ends in the same table."""
        self.promoted[model] = version
        self.ramps.pop(model, None)
        route = self.table.models[model]
        self.publish(self.table.with_route(replace(route, version=version, ramp=None)))

    def ramp(self, model: str, ramp: Ramp | None) -> None:
        """A rollout sends a share of the promoted version's users ahead, or ends that with None."""
        if ramp is None:
            self.ramps.pop(model, None)
        else:
            self.ramps[model] = ramp
        self.publish(self.table.with_ramp(model, ramp))

    def refuse_if_in_rollout(self, new: Settings, running: set[str]) -> None:
        """Raises: ConfigurationRefused when the new settings touch what a running rollout goes by."""
        end_it = "abort or finish it, then change its configuration"
        problems = []
        for model in sorted(running):
            route = self.settings.table.models.get(model)
            if new.table.models.get(model) != route:
                problems.append(Problem(("models", model), f"a rollout of this model is running; {end_it}"))
            elif route is not None and _models_config(new, route) != _models_config(self.settings, route):
                place = ("upstreams", route.upstream, "models_config")
                problems.append(Problem(place, f'a rollout of model "{model}" is running; {end_it}'))
        if problems:
            raise ConfigurationRefused(new.source, problems)

    async def apply(self, new: Settings, in_rollout: Callable[[], set[str]]) -> None:
        """Put changed settings in force: new upstreams first, then the table, then old upstreams go.

        `in_rollout`: the models whose rollout runs now; one may start while upstreams come up, so it is asked twice.
        Raises: ConfigurationRefused as `refuse_if_in_rollout` does; OSError for a certificate that can't be read.
        """
        async with self._changing:
            self.refuse_if_in_rollout(new, in_rollout())
            await self._bring_up(new)
            self.refuse_if_in_rollout(new, in_rollout())
            self.settings = new
            if self.context is not None:
                self.context.shield = Shield(new.shield.check_inputs, new.shield.max_tensor_bytes)
                self.context.courier.rules.adopt(next(iter(new.upstreams.values())).policy.suspects)
            table = new.table.learned_from(self.table)
            for model, route in new.table.models.items():
                if route.mode is VersionMode.MANAGED:
                    version = self.promoted.get(model, route.version)
                    table = table.with_route(replace(route, version=version, ramp=self.ramps.get(model)))
            self.publish(table)
            for name in self.fleet.upstreams.keys() - new.upstreams.keys():
                self.fleet.remove(name)
            self.publish(self.table)
            for name in new.upstreams:
                for model in sorted(new.table.models):
                    self.versions_changed(name, model)

    async def _bring_up(self, settings: Settings) -> None:
        await asyncio.gather(
            *(
                self.fleet.add(name, entry.addresses, entry.policy, _models_of(settings, name))
                for name, entry in settings.upstreams.items()
            )
        )
        self.publish(self.table)


def _models_config(settings: Settings, route: ModelRoute) -> Path | None:
    return settings.upstreams[route.upstream].models_config


def _models_of(settings: Settings, upstream: str) -> set[str]:
    return {name for name, route in settings.table.models.items() if route.upstream == upstream}
