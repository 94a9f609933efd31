"""Promises of backend.batching.core: requests leave together by size, time and turn; full queues refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.batching.core import BatchScheduler, Part
from backend.batching.params import BatchingParams
from backend.errors import ServingError

SMALL = BatchingParams(max_batch_size=4, max_execution_batch_size=4, batch_timeout_us=100, max_enqueued_batches=2)
SPLIT = BatchingParams(
    max_batch_size=10,
    max_execution_batch_size=4,
    batch_timeout_us=100,
    max_enqueued_batches=3,
    enable_large_batch_splitting=True,
)


def _tasks(scheduler: BatchScheduler[str], now_us: int) -> list[str] | None:
    batch = scheduler.take(now_us)
    return None if batch is None else [part.task for part in batch.parts]


def test_a_full_batch_leaves_at_once_and_an_open_one_after_its_timeout() -> None:
    scheduler: BatchScheduler[str] = BatchScheduler()
    scheduler.submit("q", SMALL, "a", 1, 0)
    scheduler.submit("q", SMALL, "b", 2, 10)
    assert _tasks(scheduler, 99) is None
    assert scheduler.wake_us() == 100
    assert _tasks(scheduler, 100) == ["a", "b"]
    scheduler.submit("q", SMALL, "c", 4, 200)
    assert scheduler.wake_us() == 200
    assert _tasks(scheduler, 200) == ["c"]
    assert scheduler.wake_us() is None


def test_without_timeout_a_batch_leaves_as_soon_as_someone_takes_it() -> None:
    scheduler: BatchScheduler[str] = BatchScheduler()
    eager = BatchingParams(max_batch_size=4, max_execution_batch_size=4)
    scheduler.submit("q", eager, "a", 1, 0)
    scheduler.submit("q", eager, "b", 1, 0)
    assert _tasks(scheduler, 0) == ["a", "b"]


def test_a_request_that_no_longer_fits_closes_the_batch() -> None:
    scheduler: BatchScheduler[str] = BatchScheduler()
    scheduler.submit("q", SMALL, "a", 3, 0)
    scheduler.submit("q", SMALL, "b", 2, 1)
    assert _tasks(scheduler, 1) == ["a"]
    assert _tasks(scheduler, 1) is None
    assert _tasks(scheduler, 101) == ["b"]


def test_a_request_larger_than_allowed_is_invalid() -> None:
    with pytest.raises(
        ServingError, match=r"^INVALID_ARGUMENT: Task size 9 is larger than maximum input batch size 4$"
    ):
        BatchScheduler[str]().submit("q", SMALL, "a", 9, 0)


def test_a_full_queue_is_unavailable_and_other_queues_are_not_hurt() -> None:
    scheduler: BatchScheduler[str] = BatchScheduler()
    for task in "ab":
        scheduler.submit("q", SMALL, task, 4, 0)
    with pytest.raises(ServingError) as error:
        scheduler.submit("q", SMALL, "c", 1, 0)
    assert str(error.value) == (
        "UNAVAILABLE: The batch scheduling queue to which this task was submitted is full; "
        "currently 2 batches enqueued and max_enqueued_batches is 2"
    )
    scheduler.submit("other", SMALL, "d", 1, 0)
    assert len(scheduler) == 3


def test_queues_take_turns() -> None:
    scheduler: BatchScheduler[str] = BatchScheduler()
    for task in "ab":
        scheduler.submit("q", SMALL, task, 4, 0)
    scheduler.submit("r", SMALL, "c", 4, 0)
    assert [_tasks(scheduler, 0) for _ in range(3)] == [["a"], ["c"], ["b"]]


def test_a_large_request_is_cut_where_splitting_is_on() -> None:
    scheduler: BatchScheduler[str] = BatchScheduler()
    scheduler.submit("q", SPLIT, "a", 3, 0)
    scheduler.submit("q", SPLIT, "b", 7, 0)
    batches = [scheduler.take(1000) for _ in range(3)]
    assert [batch.parts if batch else None for batch in batches] == [
        [Part("a", 0, 3), Part("b", 0, 1)],
        [Part("b", 1, 4)],
        [Part("b", 5, 2)],
    ]


def test_a_request_beyond_the_remaining_capacity_is_unavailable_where_splitting_is_on() -> None:
    scheduler: BatchScheduler[str] = BatchScheduler()
    scheduler.submit("q", SPLIT, "a", 6, 0)
    with pytest.raises(ServingError, match="task size is 10 but scheduling capacity is only 6"):
        scheduler.submit("q", SPLIT, "b", 10, 0)


def test_after_closing_nothing_waits_for_company() -> None:
    scheduler: BatchScheduler[str] = BatchScheduler()
    scheduler.submit("q", SMALL, "a", 1, 0)
    scheduler.close()
    assert _tasks(scheduler, 0) == ["a"]


@given(st.lists(st.integers(1, 10), max_size=12), st.booleans())
def test_every_row_leaves_exactly_once_and_no_batch_is_too_large(sizes: list[int], split: bool) -> None:
    params = BatchingParams(
        max_batch_size=10,
        max_execution_batch_size=4 if split else 10,
        max_enqueued_batches=100,
        enable_large_batch_splitting=split,
    )
    scheduler: BatchScheduler[int] = BatchScheduler()
    for task, rows in enumerate(sizes):
        scheduler.submit("q", params, task, rows, 0)
    seen: dict[int, list[int]] = {}
    while batch := scheduler.take(0):
        assert sum(part.rows for part in batch.parts) == batch.rows <= params.max_execution_batch_size
        for part in batch.parts:
            seen.setdefault(part.task, []).extend(range(part.start, part.start + part.rows))
    assert seen == {task: list(range(rows)) for task, rows in enumerate(sizes)}
