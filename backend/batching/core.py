"""Which requests leave together and when: queues of batches under one scheduler. Pure: time comes as an argument.

One queue for each kind of request (the key). A queue has closed batches and one open batch at its end. A batch can
leave once it is closed, full, or its first request has waited `batch_timeout_us`; queues take turns.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from backend.batching.params import BatchingParams
from backend.errors import Code, ServingError, invalid_argument

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """Rows `start` to `start + rows` of one request; a request is cut only with large batch splitting."""

    task: T
    start: int
    rows: int


@dataclass(slots=True)
class Batch(Generic[T]):
    """Parts that run together; `opened_us` is when the first one came."""

    opened_us: int
    parts: list[Part[T]] = field(default_factory=list)
    rows: int = 0


@dataclass(slots=True)
class _Queue(Generic[T]):
    params: BatchingParams
    batches: deque[Batch[T]] = field(default_factory=deque)


class BatchScheduler(Generic[T]):
    """All queues; a queue lives only while it holds requests, so callers can't grow them beyond what is in flight."""

    def __init__(self) -> None:
        self._queues: OrderedDict[Hashable, _Queue[T]] = OrderedDict()
        self._closed = False

    def __len__(self) -> int:
        """Batches waiting."""
        return sum(len(queue.batches) for queue in self._queues.values())

    def submit(self, key: Hashable, params: BatchingParams, task: T, rows: int, now_us: int) -> None:
        """Put a request of `rows` >= 1 rows into its queue.

        Raises INVALID_ARGUMENT if it is larger than a request may be, UNAVAILABLE if the queue is full.
        """
        if rows > params.max_batch_size:
            raise invalid_argument(f"Task size {rows} is larger than maximum input batch size {params.max_batch_size}")
        queue = self._queues.get(key) or _Queue(params)
        cap = params.max_execution_batch_size if params.enable_large_batch_splitting else params.max_batch_size
        if params.enable_large_batch_splitting:
            _check_split_capacity(queue, rows, cap)
        elif queue.batches and queue.batches[-1].rows + rows > cap:
            waiting = len(queue.batches)
            if waiting >= params.max_enqueued_batches:
                raise _full(
                    f"currently {waiting} batches enqueued and max_enqueued_batches is {params.max_enqueued_batches}"
                )
        self._queues[key] = queue
        _place(queue, task, rows, cap, params.enable_large_batch_splitting, now_us)

    def close(self) -> None:
        """From now on nothing waits for company: every batch may leave at once."""
        self._closed = True

    def take(self, now_us: int) -> Batch[T] | None:
        """The next batch that may leave, or None; the queue it came from goes to the end of the line."""
        for key, queue in self._queues.items():
            if self._closed or _leaves_at_us(queue) <= now_us:
                batch = queue.batches.popleft()
                self._queues.move_to_end(key)
                if not queue.batches:
                    del self._queues[key]
                return batch
        return None

    def wake_us(self) -> int | None:
        """When take() has something to give, at the latest; None: nothing waits."""
        return min((_leaves_at_us(queue) for queue in self._queues.values()), default=None)


def _leaves_at_us(queue: _Queue[T]) -> int:
    first = queue.batches[0]
    params = queue.params
    cap = params.max_execution_batch_size if params.enable_large_batch_splitting else params.max_batch_size
    closed = len(queue.batches) > 1 or first.rows >= cap
    return first.opened_us if closed else first.opened_us + params.batch_timeout_us


def _place(queue: _Queue[T], task: T, rows: int, cap: int, split: bool, now_us: int) -> None:
    start = 0
    while start < rows:
        if not queue.batches:
            queue.batches.append(Batch(now_us))
        room = cap - queue.batches[-1].rows
        wanted = rows - start
        if room < wanted and (not split or room == 0) and queue.batches[-1].rows:
            queue.batches.append(Batch(now_us))
            room = cap
        taken = min(room, wanted) if split else wanted
        open_batch = queue.batches[-1]
        open_batch.parts.append(Part(task, start, taken))
        open_batch.rows += taken
        start += taken


def _check_split_capacity(queue: _Queue[T], rows: int, cap: int) -> None:
    waiting = max(len(queue.batches), 1)
    open_rows = queue.batches[-1].rows if queue.batches else 0
    most = queue.params.max_enqueued_batches
    capacity = (most - waiting) * cap + cap - open_rows
    if rows > capacity:
        raise _full(
            f"task size is {rows} but scheduling capacity is only {capacity} (num_enqueued_batches={waiting}, "
            f"max_enqueued_batches={most}, open_batch_size={open_rows}, max_execution_batch_size={cap})"
        )


def _full(detail: str) -> ServingError:
    return ServingError(
        Code.UNAVAILABLE, f"The batch scheduling queue to which this task was submitted is full; {detail}"
    )
