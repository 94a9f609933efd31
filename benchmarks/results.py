"""The results of a sitting as one document: what was measured, on what, every sample, the summary. Written whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.samples import Figures, Sample, summarise

_CLOSED_LOOP = (
    "Latency: all callers here are closed loops (each sends again once it is answered), which say nothing about "
    "latency at a given rate. calls/s depends on the load generator, which shares the same cores."
)
NOT_MEASURED_BATCHING = (
    f"{_CLOSED_LOOP} The p50 of a lone caller is such a loop's too.",
    "Whether joined answers are right: `python -m benchmarks equal` does that, rows and encodings all differing.",
    "Calls that can't meet: several models, signatures, shapes or output filters at once. Several rows in a call, "
    "1,000 connections, TLS, several replicas, several workers.",
)
NOT_MEASURED_FRONTS = (
    f"{_CLOSED_LOOP} The p50 of a lone caller is such a loop's too.",
    "Joined calls (the sitting of batching has them), streams, TLS, several replicas, several workers.",
)


@dataclass(frozen=True, slots=True)
class Conditions:
    """Everything that results say besides figures; `titles` and `groups` by subject, in the order of the table."""

    command: str
    started: str
    machine: Mapping[str, str | int | float]
    versions: Mapping[str, str]
    source: Mapping[str, str | bool | None]
    generator: str
    rounds: int
    seconds: float
    busy_before: float
    titles: Mapping[str, str]
    groups: Mapping[str, str]
    directs: Sequence[str]
    not_measured: Sequence[str] = ()


def document(conditions: Conditions, samples: Sequence[Sample], **more: object) -> dict[str, object]:
    """As it is written to JSON; `more` is what only this sitting has."""
    return {
        "measured": "processor time (user + system) of the servers per answered call, in microseconds",
        **asdict(conditions),
        **more,
        "summary": [asdict(figures) for figures in summarise(samples)],
        "samples": [asdict(sample) for sample in samples],
    }


def share_of_direct(figures: Figures, everything: Sequence[Figures], conditions: Conditions) -> float | None:
    """Median total over that of the same model server called directly, in its better setting; None for direct calls."""
    group = conditions.groups[figures.subject]
    if figures.subject in conditions.directs:
        return None
    directs = [
        other.total_us.median
        for other in everything
        if other.load == figures.load
        and other.subject in conditions.directs
        and conditions.groups[other.subject] == group
    ]
    best = min(directs, default=0.0)
    return figures.total_us.median / best if best else None


def write(folder: Path, name: str, texts: Mapping[str, str]) -> list[Path]:
    """Write `name` with each suffix in `texts`, each file whole or not at all. Raises: OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for suffix, text in texts.items():
        path = folder / f"{name}{suffix}"
        draft = path.with_name(f".{path.name}.tmp")
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
        paths.append(path)
    return paths


def as_json(results: Mapping[str, object]) -> str:
    """Readable, and with one line at its end."""
    return json.dumps(results, indent=1) + "\n"
