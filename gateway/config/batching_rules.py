"""Rules between the keys of one batching section, as TensorFlow Serving has them for its own parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from gateway.batching.policy import BatchPolicy
from gateway.config.problems import Place, Problem
from gateway.config.raw import items, whole

SIZES: Final = "allowed_batch_sizes"
LARGEST: Final = "max_batch_size"
SPLITTING: Final = "enable_large_batch_splitting"
EXECUTION: Final = "max_execution_batch_size"


def merged_keys(own: Mapping[str, object], inherited: Mapping[str, object]) -> dict[str, object]:
    """A model's batching keys over the global ones; null keeps the global value.

    A model that turns splitting off has no need of the global max_execution_batch_size, which falls away.
    """
    given = {key: value for key, value in own.items() if value is not None}
    base = dict(inherited)
    if given.get(SPLITTING) is False:
        base.pop(EXECUTION, None)
    return {**base, **given}


def check_batching(own: Mapping[str, object], inherited: Mapping[str, object], place: Place) -> Iterator[Problem]:
    """Every rule that the section at `place` breaks by a key of its own; `inherited` holds the global keys."""
    merged = merged_keys(own, inherited)
    sizes = [size for size in map(whole, items(merged.get(SIZES))) if size is not None]
    largest = whole(merged.get(LARGEST, BatchPolicy().max_batch_size))
    if own.keys() & {SIZES, LARGEST}:
        yield from _sizes(sizes, largest, (*place, SIZES))
    if own.keys() & {SIZES, LARGEST, SPLITTING, EXECUTION}:
        yield from _execution(merged, sizes, largest, (*place, EXECUTION))


def _sizes(sizes: list[int], largest: int | None, place: Place) -> Iterator[Problem]:
    """allowed_batch_sizes increase and end at max_batch_size."""
    if any(size < 1 for size in sizes) or any(a >= b for a, b in pairwise(sizes)):
        yield Problem(place, f"got {sizes}, must increase and start at 1 or more")
    elif sizes and largest is not None and sizes[-1] != largest:
        yield Problem(place, f"the last is {sizes[-1]}, must equal max_batch_size, {largest}")


def _execution(merged: Mapping[str, object], sizes: list[int], largest: int | None, place: Place) -> Iterator[Problem]:
    """max_execution_batch_size goes with splitting, and is no more than max_batch_size and one of the allowed sizes."""
    execution = whole(merged.get(EXECUTION))
    if execution is None or execution < 1:
        return
    if merged.get(SPLITTING, False) is False:
        yield Problem(place, "needs enable_large_batch_splitting: true; set that or remove this")
    if largest is not None and largest >= 1 and execution > largest:
        yield Problem(place, f"is {execution}, must be at most max_batch_size, {largest}")
    elif sizes and execution not in sizes:
        yield Problem(place, f"is {execution}, must be one of allowed_batch_sizes, {sizes}")
