"""Time versions side by side: loads, single calls and many callers at once, in turns, so that noise meets all alike."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from export.gate.figures import Candidate, LoadTime
from export.runtime import Array
from export.sample import sample_rows
from export.serving import Served, open_served
from export.signature import is_tflite_version

# Budgets: an export must stay quick. Tests and benchmarks set their own.
LATENCY_S = 0.5  # for one batch size, all versions together ...
MAX_ROUNDS = 200
MIN_ROUNDS = 7  # ... but these are run, however slow: an interval of fewer says nothing
LOADS = 3
SLICES = 4  # turns of each version while throughput is measured ...
SLICE_S = 0.08  # ... of this length
MAX_CALLERS = 32

Call = tuple[Any, list[Array]]


def time_loads(candidates: Sequence[Candidate]) -> list[LoadTime]:
    """Load each version afresh, in turns, the files in the page cache; imports and devices were started before."""
    times: list[list[float]] = [[] for _ in candidates]
    for turn in range(LOADS):
        for place in _turn(len(candidates), turn):
            started = time.perf_counter()
            with open_served(candidates[place].version_dir):
                times[place].append((time.perf_counter() - started) * 1e6)
    return [LoadTime(statistics.median(one), min(one), max(one), len(one)) for one in times]


def time_calls(served: Sequence[Served], rows: int, data: Mapping[str, Array] | None) -> list[list[float]]:
    """Seconds of single calls of `rows` rows, for each version; round k of all was measured side by side."""
    calls = [one.prepared(sample_rows(one.signature, rows, data)) for one in served]
    times: list[list[float]] = [[] for _ in calls]
    for run, values in calls:
        run(*values)
    stop = time.perf_counter() + LATENCY_S
    for done in range(MAX_ROUNDS):
        if done >= MIN_ROUNDS and time.perf_counter() > stop:
            break
        for place in _turn(len(calls), done):
            run, values = calls[place]
            started = time.perf_counter()
            run(*values)
            times[place].append(time.perf_counter() - started)
    return times


def _turn(count: int, number: int) -> list[int]:
    """The places in this turn's order: no version is always first after the same other."""
    return [(index + number) % count for index in range(count)]


def callers() -> int:
    """Callers at once while throughput is measured: one a processor that this process may use."""
    return min(len(os.sched_getaffinity(0)), MAX_CALLERS)


def time_callers(
    candidates: Sequence[Candidate], served: Sequence[Served], rows: int, data: Mapping[str, Array] | None
) -> list[list[float]]:
    """Rows a second of each slice, by version: `callers()` threads call as fast as they are answered."""
    count = callers()
    teams: list[list[Call]] = []
    extra: list[Served] = []
    try:
        for candidate, one in zip(candidates, served, strict=True):
            team = [one] * count
            if is_tflite_version(candidate.version_dir):  # one interpreter a caller, as TensorFlow Serving's pool has
                more = [open_served(candidate.version_dir) for _ in range(count - 1)]
                extra += more
                team = [one, *more]
            teams.append([member.prepared(sample_rows(one.signature, rows, data)) for member in team])
        rates: list[list[float]] = [[] for _ in teams]
        for turn in range(SLICES):
            for place in _turn(len(teams), turn):
                rates[place].append(_rate(teams[place]) * rows)
        return rates
    finally:
        for member in extra:
            member.__exit__(None, None, None)


def _rate(team: Sequence[Call]) -> float:
    """Calls a second of one slice. Raises: what a caller met."""
    with ThreadPoolExecutor(len(team)) as pool:
        started = time.perf_counter()
        ends = list(pool.map(lambda call: _call_until(call, started + SLICE_S), team))
    return sum(done / (end - started) for done, end in ends)


def _call_until(call: Call, stop: float) -> tuple[int, float]:
    """Calls made and when the last ended; one at least."""
    run, values = call
    done = 0
    while True:
        run(*values)
        done += 1
        if (end := time.perf_counter()) >= stop:
            return done, end
