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
    class_output,
    finite_rows,
    lows_and_highs,
    predicted_classes,
    rows_agree,
)  # fmt: skip
from export.gate.figures import Accuracy, Agreement, Difference
from export.gate.statistics import paired_difference, share
from export.sample import sample_rows
from export.scores import are_probabilities, threshold_of
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


@dataclass(frozen=True, slots=True)
class _Likeness:
    """What counts as the same answer: the same class, numbers within TOLERANCE of `ranges`, or either of the two."""

    is_by_class: bool
    ranges: Mapping[str, float] | None
    threshold: float  # of a single score a row, for all versions

    @property
    def way(self) -> str:
        near = f"every number within {TOLERANCE:.0%} of the output's range"
        if not self.is_by_class:
            return near
        return "the same class" if self.ranges is None else f"the same class, or {near}"

    def same(self, ours: Outputs, base: Outputs) -> Bools:
        """(rows,)"""
        found = np.zeros(len(next(iter(ours.values()))), bool)
        if self.is_by_class:
            found |= _classes(ours, self.threshold) == _classes(base, self.threshold)
        if self.ranges is not None:
            found |= rows_agree(base, ours, self.ranges)
        return found


@dataclass(frozen=True, slots=True)
class _Whole:
    """What is so of all versions alike."""

    rows: int
    commonest: float | None
    reason: str | None  # why there is no accuracy
    is_held_out: bool
    way: str


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
    is_alone = len(served) == 1  # nothing to be like
    threshold = 0.5 if labels is None else _threshold(served[0], inputs)
    likeness = _Likeness(False, None, threshold)
    if not is_alone:
        likeness = _likeness(served[0], inputs, labels, threshold, split is not None)
    tallies = [_Tally() for _ in served]
    for start, part in _chunks(inputs):
        answers = [one.predict(part) for one in served]
        wanted = None if labels is None else labels[start : start + len(next(iter(part.values())))]
        _count(tallies, answers, wanted, likeness)
    whole = _Whole(rows, commonest_share(labels), _reason(split, signature), split is not None, likeness.way)
    return [_evaluation(n, one, whole) for n, one in enumerate(tallies)]


def _chunks(inputs: Mapping[str, Array]) -> Iterator[tuple[int, dict[str, Array]]]:
    rows = len(next(iter(inputs.values())))
    row_bytes = sum(values.nbytes for values in inputs.values()) // rows
    size = max(1, min(CHUNK_ROWS, CHUNK_BYTES // max(row_bytes, 1)))
    for start in range(0, rows, size):
        yield start, {alias: values[start : start + size] for alias, values in inputs.items()}


def _threshold(served: Served, inputs: Mapping[str, Array]) -> float:
    """From where on the baseline's single score a row means class 1; of other outputs a number that nothing needs."""
    ((alias, info),) = served.signature.outputs.items()
    if len(info.shape) == 2 and info.shape[1] != 1:
        return 0.5
    return threshold_of(np.concatenate([served.predict(part)[alias].reshape(-1) for _, part in _chunks(inputs)]))


def _likeness(
    served: Served, inputs: Mapping[str, Array], labels: Array | None, threshold: float, is_held_out: bool
) -> _Likeness:
    """By class where scores are shares, or where the labels show that the highest score is the class; else by number.

    A single score, or scores of any size, may be no class' at all: then 3 for 5 mustn't count as the same. Rows made at
    random lie between classes, where any rounding changes the class: there near numbers count as well.
    """
    alias = class_output(served.signature)
    is_by_class = alias is not None and are_probabilities(served.predict(next(_chunks(inputs))[1])[alias])
    if is_by_class and is_held_out:
        return _Likeness(True, None, threshold)
    right, ranges = _survey(served, inputs, labels, threshold)
    is_by_class |= labels is not None and right > (commonest_share(labels) or 0)
    return _Likeness(is_by_class, None if is_by_class and is_held_out else ranges, threshold)


def _survey(
    served: Served, inputs: Mapping[str, Array], labels: Array | None, threshold: float
) -> tuple[float, dict[str, float]]:
    """What the baseline answers to all rows: share right, and highest minus least number of each real output."""
    right = 0
    lows: dict[str, float] = {}
    highs: dict[str, float] = {}
    for start, part in _chunks(inputs):
        answers = served.predict(part)
        for alias, (low, high) in lows_and_highs(answers).items():
            lows[alias], highs[alias] = min(lows.get(alias, low), low), max(highs.get(alias, high), high)
        if labels is not None:
            classes = _classes(answers, threshold)
            right += int((classes == labels[start : start + len(classes)]).sum())
    rows = len(next(iter(inputs.values())))
    return right / rows, {alias: highs[alias] - low for alias, low in lows.items()}


def commonest_share(labels: Array | None) -> float | None:
    """The share of the commonest of `labels` (rows,), whole numbers from 0."""
    return None if labels is None else float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def _classes(answers: Outputs, threshold: float) -> Array:
    """Of versions with one output."""
    return predicted_classes(next(iter(answers.values())), threshold)


def _count(tallies: Sequence[_Tally], answers: Sequence[Outputs], labels: Array | None, likeness: _Likeness) -> None:
    """Add one chunk. A row with NaN or infinity has no class: it is never right."""
    finite = [finite_rows(one) for one in answers]
    base_right = _right(answers[0], labels, likeness.threshold, finite[0])
    for place, tally in enumerate(tallies):
        right = _right(answers[place], labels, likeness.threshold, finite[place])
        if right is not None and base_right is not None:
            tally.right += int(right.sum())
            tally.gained += int((right & ~base_right).sum())
            tally.lost += int((base_right & ~right).sum())
        was_finite = finite[0] if place else np.ones_like(finite[0])
        broken = was_finite & ~finite[place]
        tally.agreed += int((likeness.same(answers[place], answers[0]) & ~broken).sum())
        tally.broken += int(broken.sum())


def _right(answers: Outputs, labels: Array | None, threshold: float, finite: Bools) -> Bools | None:
    return None if labels is None else np.asarray((_classes(answers, threshold) == labels) & finite)


def _reason(split: Split | None, signature: Signature) -> str | None:
    """Why there is no accuracy; None when there is."""
    if split is None:
        return "no --data given"
    if split.labels is None:
        return "the data has no y_test"
    return None if class_output(signature) else "accuracy needs one output of shape (rows, classes) or (rows,)"


def _evaluation(number: int, tally: _Tally, whole: _Whole) -> Evaluation:
    rows, is_known = whole.rows, whole.reason is None
    accuracy = Accuracy(None, 0, whole.reason)
    if is_known:
        accuracy = Accuracy(share(tally.right, rows), rows, None, whole.commonest)
    if number == 0:
        return Evaluation(accuracy, None, None, tally.broken, rows)
    return Evaluation(
        accuracy,
        paired_difference(tally.gained, tally.lost, rows) if is_known else None,
        Agreement(share(tally.agreed, rows), rows, whole.way, whole.is_held_out),
        tally.broken,
        rows,
    )
