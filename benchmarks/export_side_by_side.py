"""Latency of all published versions of one model, in turns: `python -m benchmarks.export_side_by_side JOB`.

All in one process. JOB is a JSON file: versions (name to folder), data (.npz), rows, rounds, seconds. Prints JSON.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any


def measure(
    versions: Mapping[str, Path], data: Path, sizes: Sequence[int], rounds: int, seconds: float
) -> list[dict[str, Any]]:
    """Median microseconds of each version, of each number of rows, in each round of about `seconds`.

    As the gate measures, in the runtime that serves each, one thread an operation; only for longer.
    """
    from export.gate import timing
    from export.serving import Served, open_served
    from export.tensorflow_names import start_tensorflow

    start_tensorflow()
    timing.LATENCY_S = seconds
    found = []
    with ExitStack() as stack:
        opened: dict[str, Served] = {name: stack.enter_context(open_served(path)) for name, path in versions.items()}
        rows_of = held_out(data, next(iter(opened.values())).signature.inputs)
        for rows in sizes:
            for number in range(1, rounds + 1):
                times = timing.time_calls(list(opened.values()), rows, rows_of)
                found += [
                    {
                        "variant": name,
                        "rows": rows,
                        "round": number,
                        "median_us": round(statistics.median(one) * 1e6, 1),
                    }
                    for name, one in zip(opened, times, strict=True)
                ]
                print(f"calls of {rows}: round {number} of {rounds}", file=sys.stderr, flush=True)
    return found


def held_out(data: Path, aliases: Sequence[str] | Mapping[str, Any]) -> dict[str, Any]:
    """Held-out rows by alias."""
    import numpy as np

    with np.load(data, allow_pickle=False) as arrays:
        return {alias: arrays["x_test" if "x_test" in arrays else f"x_test.{alias}"] for alias in aliases}


def main(job: Path) -> None:
    given = json.loads(job.read_text(encoding="utf-8"))
    versions = {name: Path(path) for name, path in given["versions"].items()}
    found = measure(versions, Path(given["data"]), given["rows"], given["rounds"], given["seconds"])
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
