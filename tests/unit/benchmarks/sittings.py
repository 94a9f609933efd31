"""A small invented sitting, for tests of what is written about one."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.results import Conditions
from benchmarks.samples import Sample

CONDITIONS = Conditions(
    command="python -m benchmarks --rounds 3",
    started="2026-01-02T03:04:05+00:00",
    machine={"processor": "Abacus", "cores": 2, "memory_gib": 4.0, "system": "Linux 6"},
    versions={"python": "3.11.7", "grpcio": "1.85.1"},
    source={"commit": "c0ffee", "changed_since": False, "source_sha256": "5eed"},
    generator="h2load",
    rounds=3,
    seconds=2.0,
    busy_before=0.25,
    titles={"slow": "backend", "slow-batching": "backend, batching <on>", "joining": "gateway joining"},
    groups={"slow": "a", "slow-batching": "a", "joining": "a"},
    directs=["slow", "slow-batching"],
    not_measured=["closed loops"],
)


def sample(subject: str, round_: int, front_us: float, upstream_us: float, load: str = "1 x 1") -> Sample:
    """1,000 calls in 2 s that cost so many microseconds each."""
    return Sample(subject, load, round_, 1000, 1000, 2.0, front_us / 1000, upstream_us / 1000)


def samples() -> list[Sample]:
    """Three rounds: direct 200 us, with batching 100 us, joining 30 + 20 us."""
    found = []
    for number, more in ((1, 0.0), (2, 10.0), (3, -10.0)):
        found += [sample("slow", number, 0, 200 + more), sample("slow-batching", number, 0, 100 + more)]
        found.append(replace(sample("joining", number, 30, 20 + more), joined_calls=1000, joins=40))
    return found
