"""One model's route, and the choice it makes for a call: a few look-ups and one or two hashes."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NamedTuple

from gateway.routing.ramp import Ramp, ramp_ring
from gateway.routing.split import SLOTS, Ring, Split

ARM_WITHOUT_SPLIT: Final = "default"
ARM_BY_VERSION: Final = "version"  # the client named a version
ARM_BY_LABEL: Final = "label"  # the client named a version label
DEFAULT_BATCHING: Final = "(default)"  # no model's name: the policy of models that have none of their own
RESERVED_ARMS: Final = frozenset({ARM_BY_VERSION, ARM_BY_LABEL})

Headers = Sequence[tuple[str, str | bytes]]  # lower-case names, as in Call.metadata


@lru_cache(maxsize=1024)
def routing_headers(arm: str, version: int | None) -> tuple[tuple[str, str], ...]:
    """What tells a client where its call went; no version where the model server chooses it."""
    at_arm = (("tidegate-arm", arm),)
    return at_arm if version is None else (*at_arm, ("tidegate-version", str(version)))


class VersionMode(enum.StrEnum):
    """How the promoted version moves (DESIGN section 5)."""

    FOLLOW = "follow"  # with what the replicas have AVAILABLE
    MANAGED = "managed"  # only by rollout


@dataclass(frozen=True, slots=True)
class HeaderRule:
    """A call whose `header` (lower-case) equals `value` goes to the arm named `arm`, whatever its key."""

    header: str
    value: str
    arm: str


class Choice(NamedTuple):
    """Where a call goes. `version` None: not known yet (or named by a forwarded label), the model server decides."""

    arm: str  # a metric label: an arm's name, or one of the three words above
    version: int | None
    chosen_by_gateway: bool  # NOT_FOUND for such a version is ours to mend, never the client's to see
    label_forwarded: bool = False  # the label is not declared here: forward the call as sent, unjoined


@dataclass(frozen=True, slots=True)
class ModelRoute:
    """How calls for one model are routed. `batching` names the policy in the settings. Raises: ValueError."""

    name: str
    upstream: str
    mode: VersionMode = VersionMode.FOLLOW
    version: int | None = None  # the promoted version; None while a followed one is not known yet
    labels: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    split: Split | None = None
    ramp: Ramp | None = None
    key_header: str = "x-user-id"
    header_rules: tuple[HeaderRule, ...] = ()
    batching: str = DEFAULT_BATCHING
    # Prepared: the choice for all calls that name no version, where neither split nor ramp has to pick; else None.
    only: Choice | None = field(init=False, repr=False, compare=False)
    # For each arm where its users go, and where those go whom the ramp has taken ahead.
    _stay: tuple[Choice, ...] = field(init=False, repr=False, compare=False)
    _ahead: tuple[Choice, ...] = field(init=False, repr=False, compare=False)
    _rules: tuple[tuple[str, str, int], ...] = field(init=False, repr=False, compare=False)
    _ramp_ring: Ring = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.mode is VersionMode.MANAGED and self.version is None:
            raise ValueError(f"version: model {self.name} is managed and needs the version to start from")
        arms = [(arm.name, arm.version) for arm in self.split.arms] if self.split else [(ARM_WITHOUT_SPLIT, None)]
        positions = {name: position for position, (name, _) in enumerate(arms)}
        if clash := RESERVED_ARMS & positions.keys():
            raise ValueError(f"split.arms: the name {min(clash)} is reserved")
        if unknown := [rule.arm for rule in self.header_rules if rule.arm not in positions]:
            raise ValueError(f"header_rules: no arm is named {unknown[0]}")
        ahead = self.ramp.to_version if self.ramp else self.version
        put = object.__setattr__
        put(self, "_stay", tuple(_chosen(name, self.version if fixed is None else fixed) for name, fixed in arms))
        put(self, "_ahead", tuple(_chosen(name, ahead if fixed is None else fixed) for name, fixed in arms))
        put(self, "only", None if self.split or self.ramp else self._stay[0])
        put(self, "_rules", tuple((rule.header, rule.value, positions[rule.arm]) for rule in self.header_rules))
        put(self, "_ramp_ring", ramp_ring(self.split.salt if self.split else self.name))

    def key_of(self, headers: Headers, client_id: bytes = b"") -> bytes | None:
        """The call's split key: the key header, else PredictRequest.client_id, else None. An empty one is none."""
        wanted = self.key_header
        for name, value in headers:
            if name == wanted and value:
                return value if isinstance(value, bytes) else value.encode()
        return client_id or None

    @property
    def served_versions(self) -> frozenset[int]:
        """Every version that configuration and rollout can send a call to; the promoted one only once it is known."""
        versions = {choice.version for choice in (*self._stay, *self._ahead)} | set(self.labels.values())
        return frozenset(version for version in versions if version is not None)


def _chosen(arm: str, version: int | None) -> Choice:
    return Choice(arm, version, chosen_by_gateway=version is not None)


def resolve(
    route: ModelRoute,
    spec_version: int | None,
    spec_label: str | None,
    key: bytes | None,
    random_bits: int,
    headers: Headers = (),
) -> Choice:
    """The arm and version for a call whose model spec says `spec_version` or `spec_label` (None: says nothing).

    A call without key is placed by `random_bits` (non-negative, 32 random bits or more), anew each time.
    """
    if spec_version is not None:
        return Choice(ARM_BY_VERSION, spec_version, chosen_by_gateway=False)
    if spec_label is not None:
        version = route.labels.get(spec_label)
        return Choice(ARM_BY_LABEL, version, chosen_by_gateway=version is not None, label_forwarded=version is None)
    split = route.split
    position = _ruled(route, headers) if route._rules else None
    if position is None:
        position = _split_position(split, key, random_bits) if split else 0
    ramp = route.ramp
    if ramp is None or (split is not None and split.arms[position].version is not None):
        return route._stay[position]
    bucket = random_bits // SLOTS % SLOTS if key is None else route._ramp_ring.bucket(key)
    return route._ahead[position] if ramp.takes(bucket) else route._stay[position]


def _split_position(split: Split, key: bytes | None, random_bits: int) -> int:
    return split.slots[random_bits % SLOTS] if key is None else split.position(key)


def _ruled(route: ModelRoute, headers: Headers) -> int | None:
    """Position of the arm of the first header rule that fits, in the order of configuration."""
    for wanted, value, position in route._rules:
        for name, sent in headers:
            if name == wanted and sent == value:
                return position
    return None
