"""What every call's story uses: the route table in force, the upstreams, the courier. Built and updated by app."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from gateway.batching.policy import BatchPolicy
from gateway.batching.shell import Batcher
from gateway.errors import Failure
from gateway.limits.admission import Admission
from gateway.routing.table import RouteTable
from gateway.telemetry.counters import Counters
from gateway.upstream.catalog import Catalog
from gateway.upstream.courier import Courier
from gateway.upstream.pool import Upstream


@dataclass(frozen=True)
class Shield:
    """The query-of-death shield: `check_inputs` against the signature, `max_tensor_bytes` expanded, per input."""

    check_inputs: bool = True
    max_tensor_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        if self.max_tensor_bytes < 1:
            raise ValueError(f"max_tensor_bytes is {self.max_tensor_bytes}, must be positive")


class Refresh(Protocol):
    """Ask all replicas of an upstream about a model now; `then(doubt)` runs once they answered.

    The table then has the model, or nobody has it, unless a doubt says why that can't be told now.
    """

    def __call__(self, upstream: str, model: str, then: Callable[[Failure | None], None], /) -> None: ...


@dataclass
class Context:
    """Mutable on purpose in three places: `table` (a snapshot swapped whole), `upstreams` and `shield`."""

    table: RouteTable
    upstreams: Mapping[str, Upstream]
    catalog: Catalog
    courier: Courier
    batcher: Batcher
    admission: Admission
    shield: Shield
    refresh: Refresh
    batch_policy: Callable[[str], BatchPolicy]  # by model name
    chance: random.Random
    counters: Counters
    allow_reload_config: bool = False
    active: Counter[tuple[str, int | None]] = field(default_factory=Counter)  # routed and not ended, (model, version)
