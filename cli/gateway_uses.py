"""Which versions gateways use: rollouts and promotions in state directories, labels and arms in gateway.yaml."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from export.errors import InUseUnknownError
from export.retention import Use
from gateway.config.load import load
from gateway.config.problems import ConfigurationRefused
from gateway.config.settings import Settings
from gateway.rollout.state import Phase, RolloutState
from gateway.rollout.store import FOLDER, restore
from gateway.routing.route import ModelRoute


class GatewayUses:
    """Reads everything anew at each call, so that a rollout that began meanwhile counts."""

    def __init__(self, state_dirs: Sequence[Path], configurations: Sequence[Path]) -> None:
        self._state_dirs = tuple(state_dirs)
        self._configurations = tuple(configurations)

    def __call__(self, names: Collection[str]) -> list[Use]:
        """What gateways use of a model with one of these names. Raises: InUseUnknownError, never a guess."""
        return [use for name, use in self._all() if name in names]

    def models(self) -> frozenset[str]:
        """Every model of which gateways use versions. Raises: as above."""
        return frozenset(name for name, _ in self._all())

    def _all(self) -> list[tuple[str, Use]]:
        """Each use with its model's name, by which alone gateways know it."""
        uses = []
        for state_dir in self._state_dirs:
            uses += [(state.plan.model, use) for state in _states(state_dir) for use in _of_state(state)]
        for path in self._configurations:
            uses += [(name, use) for name, route in _settings(path).table.models.items() for use in _of_route(route)]
        return uses


def models_config_paths(configurations: Sequence[Path]) -> list[Path]:
    """The files that gateway.yaml names as its upstreams' models_config. Raises: InUseUnknownError."""
    upstreams = [upstream for path in configurations for upstream in _settings(path).upstreams.values()]
    return list(dict.fromkeys(upstream.models_config for upstream in upstreams if upstream.models_config is not None))


def _settings(path: Path) -> Settings:
    try:
        return load(path)
    except ConfigurationRefused as error:
        raise InUseUnknownError(f"which versions the gateway uses can't be told: {error}") from error


def _states(state_dir: Path) -> list[RolloutState]:
    """Every rollout's state. Raises: InUseUnknownError when one can't be used: it may be a running rollout."""
    folder = state_dir / FOLDER
    try:
        list(state_dir.iterdir())
        if folder.exists():  # made with the first rollout
            list(folder.iterdir())
    except OSError as error:
        raise InUseUnknownError(
            f"{error.filename}: {error.strerror}, so which versions rollouts use can't be told; name the gateway's own "
            "--state-dir"
        ) from error
    restored = restore(state_dir)
    if restored.problems:
        raise InUseUnknownError(f"which versions rollouts use can't be told: {'; '.join(restored.problems)}")
    return list(restored.states.values())


def _of_state(state: RolloutState) -> list[Use]:
    plan = state.plan
    if state.phase is Phase.PROMOTED:
        return [Use(plan.to_version, "promoted by the last rollout")]
    if state.phase is Phase.ABORTED:
        return [Use(plan.from_version, f"in force since the rollout to version {plan.to_version} was aborted")]
    words = f"the rollout from version {plan.from_version} to {plan.to_version} is {state.phase}"
    return [Use(plan.from_version, words), Use(plan.to_version, words)]


def _of_route(route: ModelRoute) -> list[Use]:
    uses = [Use(version, f"label {label} of {route.name} in gateway.yaml") for label, version in route.labels.items()]
    if route.version is not None:
        uses.append(Use(route.version, f"version of {route.name} in gateway.yaml"))
    arms = route.split.arms if route.split is not None else ()
    uses += [
        Use(arm.version, f"arm {arm.name} of {route.name} in gateway.yaml") for arm in arms if arm.version is not None
    ]
    return uses
