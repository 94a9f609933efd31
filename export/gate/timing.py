"""Time versions side by side: fresh loads, single calls on each, many callers at once; in turns, so noise meets all."""

from __future__ import annotations

import contextlib
import math
import os
import random
import statistics
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from export.gate.figures import Candidate, LoadTime
from export.runtime import Array
from export.sample import sample_rows
from export.serving import Served, open_served
from export.signature import is_tflite_version

# Budgets: an export must stay quick. Tests and benchmarks set their own.
LATENCY_S = 0.5  # for one batch size, all versions and loads together ...
MAX_ROUNDS = 200
MIN_ROUNDS = 7  # ... but these are run, however slow
LOADS = 4  # fresh loads of each version, 2 at least: each lies elsewhere in the memory, so its speed is its own
SLICES = 4  # turns of each version while throughput is measured ...
SLICE_S = 0.08  # ... of this length
MAX_CALLERS = 32

Call = tuple[Any, list[Array]]
Rounds = list[list[float]]  # seconds of calls, [version][round]


@dataclass(frozen=True, slots=True)
class Timed:
    """What was timed over all loads. loads: by version; calls: seconds, [load][size][version][round]."""

    loads: list[LoadTime]
    calls: list[list[Rounds]]


def time_loads_and_calls(
    candidates: Sequence[Candidate], sizes: Sequence[int], data: Mapping[str, Array] | None
) -> Timed:
    """Load all versions afresh LOADS times, in turns, and call each load with every number of rows.

    The files are in the page cache; imports and devices were started before.
    """
    seconds: list[list[float]] = [[] for _ in candidates]
    calls = []
    for turn in range(LOADS):
        with contextlib.ExitStack() as stack:
            opened: dict[int, Served] = {}
            for place in _turn(len(candidates), turn):
                started = time.perf_counter()
                opened[place] = stack.enter_context(open_served(candidates[place].version_dir))
                seconds[place].append(time.perf_counter() - started)
            served = [opened[place] for place in range(len(candidates))]
            calls.append([time_calls(served, rows, data, LOADS) for rows in sizes])
    return Timed([_load_time(one) for one in seconds], calls)


def _load_time(seconds: Sequence[float]) -> LoadTime:
    return LoadTime(statistics.median(seconds) * 1e6, min(seconds) * 1e6, max(seconds) * 1e6, len(seconds))


def time_calls(served: Sequence[Served], rows: int, data: Mapping[str, Array] | None, parts: int = 1) -> Rounds:
    """Seconds of single calls of `rows` rows, for each version; round k of all was measured side by side.

    parts: into how many such measurings the budget of one batch size is split; this is one of them. The order within a
    round is drawn: a regular one falls into step with a busy machine's scheduler, which then slows one version alone.
    """
    calls = _same_rows(served, rows, data)  # each called once by then
    times: Rounds = [[] for _ in calls]
    stop = time.perf_counter() + LATENCY_S / parts
    for done in range(math.ceil(MAX_ROUNDS / parts)):
        if done >= math.ceil(MIN_ROUNDS / parts) and time.perf_counter() > stop:
            break
        for place in random.sample(range(len(calls)), len(calls)):
            run, values = calls[place]
            started = time.perf_counter()
            run(*values)
            times[place].append(time.perf_counter() - started)
    return times


def _same_rows(served: Sequence[Served], rows: int, data: Mapping[str, Array] | None) -> list[Call]:
    """Calls on the very same arrays where versions take the same: where an array lies decides whether it's copied."""
    first = served[0].signature
    shared = sample_rows(first, rows, data)
    return [
        one.prepared(shared if one.signature.inputs == first.inputs else sample_rows(one.signature, rows, data))
        for one in served
    ]


def _turn(count: int, number: int) -> list[int]:
    """The places in this turn's order: no version is always first after the same other."""
    return [(index + number) % count for index in range(count)]


def callers() -> int:
    """Callers at once while throughput is measured: one a processor that this process may use."""
    return min(len(os.sched_getaffinity(0)), MAX_CALLERS)


def time_callers(candidates: Sequence[Candidate], rows: int, data: Mapping[str, Array] | None) -> list[list[float]]:
    """Rows a second of each slice, by version: `callers()` threads call as fast as they are answered."""
    with contextlib.ExitStack() as stack:
        teams: list[list[Call]] = []
        for one in candidates:
            # One interpreter a caller, as TensorFlow Serving's pool has; a session answers all.
            count = callers() if is_tflite_version(one.version_dir) else 1
            opened = [stack.enter_context(open_served(one.version_dir)) for _ in range(count)]
            calls = [member.prepared(sample_rows(member.signature, rows, data)) for member in opened]
            teams.append([calls[number % count] for number in range(callers())])
        rates: list[list[float]] = [[] for _ in teams]
        for turn in range(SLICES):
            for place in _turn(len(teams), turn):
                rates[place].append(_rate(teams[place]) * rows)
        return rates


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
