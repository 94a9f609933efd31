"""Measure written versions side by side in the runtime that will serve them; the first is the float32 baseline."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Callable, Iterator, Sequence

from export.data import Split
from export.errors import MeasureError
from export.gate.evaluate import Evaluation, evaluate
from export.gate.figures import Candidate, Estimate, Figures, Latency, LoadTime, Memory, Throughput
from export.gate.memory import MemoryProbe
from export.gate.sizes import size_compressed, size_on_disk
from export.gate.statistics import quartiles, speedups
from export.gate.timing import Rounds, callers, time_callers, time_loads_and_calls
from export.serving import open_served

Say = Callable[[str], None]


def measure_candidates(
    candidates: Sequence[Candidate], sizes: Sequence[int], split: Split | None, say: Say
) -> list[Figures]:
    """Measure all, in turns; sizes: rows of the calls that are timed, ascending. One candidate alone may be measured.

    What isn't timed (compressing, answering the held-out rows) runs while the memory child is at work; what is timed
    runs after it. On one thread an operation where `start_tensorflow` started TensorFlow, as the command line does.
    Raises: MeasureError when a version fails while it is measured; OSError.
    """
    rows = split.inputs if split is not None else None
    sizes = sorted({1, *sizes})
    say(f"Measuring {', '.join(one.name for one in candidates)}: answers, memory, load time, latency, throughput")
    with contextlib.ExitStack() as stack:
        probe = stack.enter_context(MemoryProbe())
        probe.ask(candidates, sizes[-1], rows)
        compressed = [size_compressed(one.version_dir) for one in candidates]
        stack.enter_context(_failures_told(candidates))
        evaluations = _answers(candidates, split)
        memories = probe.collect()
        timed = time_loads_and_calls(candidates, sizes, rows)
        rates = time_callers(candidates, sizes[-1], rows)
    speeds = _speeds(timed.calls, sizes, len(candidates))
    throughputs = _throughputs(rates, sizes[-1])
    return [
        _figures(one, compressed[n], evaluations[n], memories[n], timed.loads[n], speeds[n], throughputs[n])
        for n, one in enumerate(candidates)
    ]


@contextlib.contextmanager
def _failures_told(candidates: Sequence[Candidate]) -> Iterator[None]:
    """Runtimes fail in their own ways; verification has run every version, so this is rare."""
    import tensorflow as tf

    try:
        yield
    except (tf.errors.OpError, ValueError, RuntimeError) as error:  # TensorFlow's; TensorFlow Lite's
        names = " or ".join(one.name for one in candidates)
        raise MeasureError(
            f"{names} failed while it was measured: {' '.join(str(error).split())[:300]}. "
            "Check that all rows of --data are of the kind the model takes, and that memory suffices"
        ) from error


def _answers(candidates: Sequence[Candidate], split: Split | None) -> list[Evaluation]:
    """Of versions that are closed again, so that no two loads of one lie in the memory."""
    with contextlib.ExitStack() as stack:
        served = [stack.enter_context(open_served(one.version_dir)) for one in candidates]
        return evaluate(served, split)


def _speeds(
    calls: Sequence[Sequence[Rounds]], sizes: Sequence[int], count: int
) -> list[tuple[tuple[Latency, ...], Estimate | None]]:
    """Latencies by size for each of `count` versions, and how many times faster it is than the first over all sizes."""
    found = []
    for place in range(count):
        mine = [[of_size[place] for of_size in of_load] for of_load in calls]  # [load][size][round]
        each: Sequence[Estimate | None] = [None] * len(sizes)
        overall = None
        if place > 0:
            each, overall = speedups([[of_size[0] for of_size in of_load] for of_load in calls], mine)
        all_rounds = [[one for of_load in mine for one in of_load[number]] for number in range(len(sizes))]
        found.append((tuple(map(_latency, sizes, all_rounds, each)), overall))
    return found


def _latency(rows: int, seconds: Sequence[float], speedup: Estimate | None) -> Latency:
    median, low, high = quartiles(seconds)
    return Latency(rows, median * 1e6, low * 1e6, high * 1e6, len(seconds), speedup)


def _throughputs(rates: Sequence[Sequence[float]], rows: int) -> list[Throughput]:
    medians = [statistics.median(one) for one in rates]
    return [
        Throughput(median, min(one), max(one), rows, callers(), median / medians[0] if place else None)
        for place, (one, median) in enumerate(zip(rates, medians, strict=True))
    ]


def _figures(
    candidate: Candidate, compressed: int, answered: Evaluation, memory: Memory, load: LoadTime,
    speed: tuple[tuple[Latency, ...], Estimate | None], throughput: Throughput,
) -> Figures:  # fmt: skip
    return Figures(
        candidate.name, candidate.parameters, size_on_disk(candidate.version_dir), compressed, load, memory, speed[0],
        throughput, answered.accuracy, answered.difference, answered.agreement, speed[1], answered.broken_rows,
        answered.checked_rows,
    )  # fmt: skip
