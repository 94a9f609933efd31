"""The route table: one immutable snapshot of all routes; every change makes a new one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from gateway.routing.ramp import Ramp
from gateway.routing.route import ModelRoute, VersionMode


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Routes by model name; models not listed are looked for at `default_upstream`, or nowhere when it is None."""

    models: Mapping[str, ModelRoute]
    default_upstream: str | None = None

    @classmethod
    def of(cls, routes: Iterable[ModelRoute], default_upstream: str | None = None) -> RouteTable:
        """A table of these routes; of two with one name the later stays."""
        return cls(MappingProxyType({route.name: route for route in routes}), default_upstream)

    def route(self, model: str) -> ModelRoute | None:
        """The model's route. For a model not listed a fresh `follow` route, which is *not* kept: clients choose names.

        Once an upstream is known to have the model, `with_version` lists it.
        """
        found = self.models.get(model)
        if found is None and self.default_upstream is not None:
            return ModelRoute(model, self.default_upstream)
        return found

    def with_route(self, route: ModelRoute) -> RouteTable:
        """A snapshot that has this route in the place of the one of its name, if any."""
        return replace(self, models=MappingProxyType({**self.models, route.name: route}))

    def without(self, model: str) -> RouteTable:
        """A snapshot without the model (a discovered one that is gone)."""
        return replace(
            self, models=MappingProxyType({name: kept for name, kept in self.models.items() if name != model})
        )

    def with_version(self, model: str, version: int | None) -> RouteTable:
        """A snapshot in which the model's promoted version is `version`. Raises: KeyError when nothing routes it."""
        return self.with_route(replace(self._known(model), version=version))

    def with_ramp(self, model: str, ramp: Ramp | None) -> RouteTable:
        """A snapshot in which the model has this ramp, or none. Raises: KeyError when nothing routes the model."""
        return self.with_route(replace(self._known(model), ramp=ramp))

    def learned_from(self, old: RouteTable) -> RouteTable:
        """This table (just read from a file) with what the old one had learned about models that only follow.

        Their promoted versions, where name and upstream are the same, and discovered models of the default upstream;
        managed versions and ramps belong to the file and the rollout's state and are not touched.
        """
        models = dict(self.models)
        for name, was in old.models.items():
            now = self.route(name)
            if (
                was.mode is VersionMode.FOLLOW
                and now
                and now.mode is VersionMode.FOLLOW
                and now.upstream == was.upstream
            ):
                models[name] = replace(now, version=was.version)
        return replace(self, models=MappingProxyType(models))

    def _known(self, model: str) -> ModelRoute:
        route = self.route(model)
        if route is None:
            raise KeyError(model)
        return route
