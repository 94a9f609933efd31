"""A rollout's hand on the traffic: of those who follow the promoted version, a share that only grows goes ahead."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.routing.split import SLOTS, Ring


@dataclass(frozen=True, slots=True)
class Ramp:
    """`percent` of the promoted version's users go to `to_version`, picked by a bucket independent of the split's.

    Growing `percent` only adds users, shrinking it only returns them. Raises: ValueError, naming the field.
    """

    to_version: int
    percent: float
    _slots: float = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.to_version < 0:
            raise ValueError(f"to_version: {self.to_version} is negative")
        if not 0 <= self.percent <= 100:
            raise ValueError(f"percent: {self.percent:g} is not between 0 and 100")
        object.__setattr__(self, "_slots", self.percent * SLOTS / 100)

    def takes(self, bucket: int) -> bool:
        """Whether the user of this ramp bucket (0 .. 9,999) goes ahead to `to_version`."""
        return bucket < self._slots


def ramp_ring(salt: str) -> Ring:
    """The ring of ramp buckets under a salt: another domain than the split's, so the two don't depend on each other."""
    return Ring(salt.encode() + b"\0ramp\0")
