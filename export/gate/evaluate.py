"""Answer the held-out rows with every version: accuracy, difference, agreement, broken rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from export.data import Split
from export.gate.answers import (
    TOLERANCE,
    Array,
    Bools,
    are_probabilities,
    class_output,
    finite_rows,
    lows_and_highs,
    predicted_classes,
    rows_agree,
)  # fmt: skip
from export.gate.figures import Accuracy, Agreement, Difference
from export.gate.statistics import paired_difference, share
from export.sample import sample_rows
from export.serving import Served
from export.signature import Signature

CHUNK_ROWS = 256  # of one call ...
CHUNK_BYTES = 32_000_000  # ... or fewer, so that large images don't fill the memory
MADE_ROWS = 64  # without data

Outputs = Mapping[str, Array]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one version answered; compared with the first version's answers, None for the first itself."""

    accuracy: Accuracy
    difference: Difference | None
    agreement: Agreement | None
    broken_rows: int
    checked_rows: int


@dataclass(slots=True)
class _Tally:
    """Counts of rows of one version."""

    right: int = 0
    gained: int = 0
    lost: int = 0
    agreed: int = 0
    broken: int = 0


def evaluate(served: Sequence[Served], split: Split | None) -> list[Evaluation]:
    """Run all rows through all versions, the float32 baseline first; without data, rows made at random."""
    signature = served[0].signature
    inputs = split.inputs if split is not None else sample_rows(signature, MADE_ROWS, None)
    labels = split.labels if split is not None and class_output(signature) else None
    rows = len(next(iter(inputs.values())))
    is_by_class = _is_by_class(served[0], inputs, labels)
    ranges = {} if is_by_class or len(served) == 1 else _ranges(served[0], inputs)
    tallies = [_Tally() for _ in served]
    for start, part in _chunks(inputs):
        answers = [one.predict(part) for one in served]
        wanted = None if labels is None else labels[start : start + len(next(iter(part.values())))]
        _count(tallies, answers, wanted, ranges, is_by_class)
    reason = _reason(split, signature)
    return [_evaluation(n, one, rows, reason, split is not None, is_by_class) for n, one in enumerate(tallies)]


def _chunks(inputs: Mapping[str, Array]) -> Iterator[tuple[int, dict[str, Array]]]:
    rows = len(next(iter(inputs.values())))
    row_bytes = sum(values.nbytes for values in inputs.values()) // rows
    size = max(1, min(CHUNK_ROWS, CHUNK_BYTES // max(row_bytes, 1)))
    for start in range(0, rows, size):
        yield start, {alias: values[start : start + size] for alias, values in inputs.items()}


def _ranges(served: Served, inputs: Mapping[str, Array]) -> dict[str, float]:
    """Highest minus least number of each real output of the baseline over all rows: the measure of a difference."""
    lows: dict[str, float] = {}
    highs: dict[str, float] = {}
    for _, part in _chunks(inputs):
        for alias, (low, high) in lows_and_highs(served.predict(part)).items():
            lows[alias], highs[alias] = min(lows.get(alias, low), low), max(highs.get(alias, high), high)
    return {alias: highs[alias] - low for alias, low in lows.items()}


def _is_by_class(served: Served, inputs: Mapping[str, Array], labels: Array | None) -> bool:
    """Whether versions agree on a row when they name the same class: with labels, or where scores are shares."""
    alias = class_output(served.signature)
    if alias is None or labels is not None:
        return alias is not None
    return are_probabilities(served.predict(next(_chunks(inputs))[1])[alias])


def _count(
    tallies: Sequence[_Tally],
    answers: Sequence[Outputs],
    labels: Array | None,
    ranges: Mapping[str, float],
    is_by_class: bool,
) -> None:
    """Add one chunk. A row with NaN or infinity has no class: it is never right."""
    finite = [finite_rows(one) for one in answers]
    classes = [predicted_classes(next(iter(one.values()))) if is_by_class else None for one in answers]
    base_right = _right(classes[0], labels, finite[0])
    for place, tally in enumerate(tallies):
        right = _right(classes[place], labels, finite[place])
        if right is not None and base_right is not None:
            tally.right += int(right.sum())
            tally.gained += int((right & ~base_right).sum())
            tally.lost += int((base_right & ~right).sum())
        same = classes[0] == classes[place] if is_by_class else rows_agree(answers[0], answers[place], ranges)
        was_finite = finite[0] if place else np.ones_like(finite[0])
        broken = was_finite & ~finite[place]
        tally.agreed += int((same & ~broken).sum())
        tally.broken += int(broken.sum())


def _right(classes: Array | None, labels: Array | None, finite: Bools) -> Bools | None:
    return None if classes is None or labels is None else np.asarray((classes == labels) & finite)


def _reason(split: Split | None, signature: Signature) -> str | None:
    """Why there is no accuracy; None when there is."""
    if split is None:
        return "no --data given"
    if split.labels is None:
        return "the data has no y_test"
    return None if class_output(signature) else "accuracy needs one output of shape (rows, classes) or (rows,)"


def _evaluation(
    number: int, tally: _Tally, rows: int, reason: str | None, is_held_out: bool, is_by_class: bool
) -> Evaluation:
    accuracy = Accuracy(share(tally.right, rows), rows) if reason is None else Accuracy(None, 0, reason)
    if number == 0:
        return Evaluation(accuracy, None, None, tally.broken, rows)
    way = "the same class" if is_by_class else f"every number within {TOLERANCE:.0%} of the output's range"
    return Evaluation(
        accuracy,
        paired_difference(tally.gained, tally.lost, rows) if reason is None else None,
        Agreement(share(tally.agreed, rows), rows, way, is_held_out),
        tally.broken,
        rows,
    )
