"""What the rollout driver needs of the gateway around it; the composition root gives it."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

# Of one version at one replica, as GetModelStatus tells it: (state number, error text or "").
VersionState = tuple[int, str]


class Mode(enum.StrEnum):
    """How a model's promoted version moves (gateway.yaml: `versions`)."""

    MANAGED = "managed"  # only by rollout
    FOLLOW = "follow"  # with what the replicas have AVAILABLE


class ReplicaHandle(Protocol):
    """One model server of the upstream that serves the model."""

    @property
    def address(self) -> str: ...

    @property
    def up(self) -> bool: ...


class Clock(Protocol):
    """Time as the driver sees it; tests give a virtual one."""

    def now_us(self) -> int:
        """Microseconds, monotonic."""

    def unix_s(self) -> float:
        """Seconds since 1970, for people."""

    async def sleep(self, seconds: float) -> None: ...


class Ports(Protocol):
    """Every method but `reload` returns at once and runs on the event loop."""

    def mode(self, model: str) -> Mode | None:
        """None: no such model is configured."""

    def models_config_path(self, model: str) -> Path | None:
        """The file that the model's upstream was started with (--model_config_file); None: not configured."""

    def replicas(self, model: str) -> Sequence[ReplicaHandle]:
        """All replicas of the model's upstream, up or not."""

    async def reload(self, replica: ReplicaHandle, request: bytes, timeout_s: float) -> None:
        """Send one HandleReloadConfigRequest (a serialized ReloadConfigRequest).

        Raises: Failure; an UpstreamFailed carries the replica's own code and words.
        """

    def version_states(self, model: str) -> Mapping[str, Mapping[int, VersionState]]:
        """Replica address -> version -> state, as fresh as the version watcher has it."""

    def poke_watch(self, model: str) -> None:
        """Ask the version watcher to look again soon (many pokes make one look)."""

    def set_ramp(self, model: str, to_version: int, percent: float) -> None:
        """Send `percent` of the promoted version's users to `to_version`; 0 ends the ramp."""

    def set_promoted(self, model: str, version: int) -> None:
        """Make `version` the promoted one and end any ramp, in one change of the route table."""

    def promoted_version(self, model: str) -> int | None:
        """What the gateway now gives clients that name no version; None: not known yet."""

    def counts(self, model: str, version: int) -> tuple[int, int]:
        """(calls, errors) ended on that version since the gateway started; both only grow.

        An error is whatever its model servers answered with one, whatever the code, and what kept a call from being
        answered: no replica, a bound, the deadline. Calls that tell nothing of the version are in neither number: the
        client left, or the gateway refused what the promoted version doesn't take either.
        """

    def in_flight(self, model: str, version: int) -> int:
        """Calls routed to that version and not ended, those that wait in a lane too."""

    def pinned_versions(self, model: str) -> set[int]:
        """Versions that gateway.yaml still names (split arms, labels): never unloaded by a rollout."""
