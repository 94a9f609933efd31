"""What the rollout machine is told (events) and what it answers with (commands for the shell, in order)."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from gateway.rollout.judge import NONE_YET, Counts
from gateway.rollout.ports import VersionState
from protos.stubs.tidegate.wire.v1 import management_pb2

AVAILABLE = int(management_pb2.ModelVersionStatus.AVAILABLE)
END = int(management_pb2.ModelVersionStatus.END)


class Standing(enum.Enum):
    """Where one replica stands with the newest configuration."""

    PENDING = "pending"
    ACKED = "acked"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class ReplicaView:
    """One replica at one moment; a state of None: the replica has not named that version."""

    address: str
    up: bool
    standing: Standing = Standing.ACKED
    words: str = ""  # the replica's own when it refused or could not be reached
    new: VersionState | None = None
    old: VersionState | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """The world as it is now; counts are totals since the gateway started."""

    replicas: tuple[ReplicaView, ...]
    new: Counts = NONE_YET
    old: Counts = NONE_YET
    new_in_flight: int = 0
    old_in_flight: int = 0
    pinned: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Resumed:
    """The gateway came back with this state read from its file."""


@dataclass(frozen=True, slots=True)
class AbortAsked:
    """An operator's verb."""


@dataclass(frozen=True, slots=True)
class PromoteAsked:
    """An operator's verb: to 100 now."""


@dataclass(frozen=True, slots=True)
class Troubled:
    """A command could not be carried out; the ones after it were not."""

    words: str


Event = Observed | Resumed | AbortAsked | PromoteAsked | Troubled


@dataclass(frozen=True, slots=True)
class Persist:
    """Write the state to its file before going on."""


@dataclass(frozen=True, slots=True)
class WriteModelsConfig:
    """Write the upstream's models_config with these versions of the model added and removed."""

    add: frozenset[int] = frozenset()
    remove: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Reload:
    """Send the whole of models_config to every replica, until each has taken it."""


@dataclass(frozen=True, slots=True)
class PokeWatch:
    """Look at the versions again soon."""


@dataclass(frozen=True, slots=True)
class SetRamp:
    to_version: int
    percent: float


@dataclass(frozen=True, slots=True)
class SetPromoted:
    version: int


Command = Persist | WriteModelsConfig | Reload | PokeWatch | SetRamp | SetPromoted
RoutingCommand = SetRamp | SetPromoted
