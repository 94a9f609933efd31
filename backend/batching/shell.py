"""Threads around the batching core: callers wait for their rows, batch threads run the model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field

import numpy as np

from backend.batching.core import Batch, BatchScheduler, Part
from backend.batching.join import batch_rows, check_output, join
from backend.batching.params import BatchingParams
from backend.errors import Code, ServingError
from backend.tensors import Array

RunModel = Callable[[Sequence[Array]], list[Array]]
QUEUE_TIMEOUT = "Run() timeout exceeded while waiting in batching queue"


@dataclass(slots=True, eq=False)
class _Task:
    """One caller's request; `outputs` are collected per part, and `done` is set when no part is missing."""

    arrays: Sequence[Array]
    tensors: Sequence[str]
    params: BatchingParams
    run: RunModel
    deadline_us: int | None
    rows_missing: int
    outputs: list[tuple[int, list[Array]]] = field(default_factory=list)
    error: ServingError | None = None
    done: threading.Event = field(default_factory=threading.Event)


def now_us() -> int:
    """Microseconds of a clock that never goes back."""
    return time.monotonic_ns() // 1000


class Batcher:
    """The batch threads, shared by all models. start() before the first call, stop() after the last."""

    def __init__(self, threads: int) -> None:
        self._scheduler: BatchScheduler[_Task] = BatchScheduler()
        self._changed = threading.Condition()
        self._stopping = False
        self._threads = [threading.Thread(target=self._work, name=f"batch-{n}", daemon=True) for n in range(threads)]

    def start(self) -> None:
        """Start the batch threads."""
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """End the batch threads once nothing waits; callers have been answered by then."""
        with self._changed:
            self._stopping = True
            self._scheduler.close()
            self._changed.notify_all()
        until = time.monotonic() + timeout_s
        for thread in self._threads:
            thread.join(max(until - time.monotonic(), 0))

    def run(
        self,
        key: Hashable,
        params: BatchingParams,
        tensors: Sequence[str],
        arrays: Sequence[Array],
        run_model: RunModel,
        deadline_us: int | None,
    ) -> list[Array]:
        """Run one request's arrays together with others of the same `key`; `tensors` name the arrays in errors."""
        rows = batch_rows(arrays)
        if rows == 0:
            return run_model(arrays)
        task = _Task(arrays, tensors, params, run_model, deadline_us, rows)
        with self._changed:
            if self._stopping:
                raise ServingError(Code.UNAVAILABLE, "the server is shutting down")
            self._scheduler.submit(key, params, task, rows, now_us())
            self._changed.notify()
        left_s = None if deadline_us is None else max((deadline_us - now_us()) / 1e6, 0)
        if not task.done.wait(left_s):
            raise ServingError(Code.RESOURCE_EXHAUSTED, QUEUE_TIMEOUT)
        if task.error:
            raise task.error
        if len(task.outputs) == 1:
            return task.outputs[0][1]
        pieces = [outputs for _, outputs in sorted(task.outputs, key=lambda item: item[0])]
        return [np.concatenate(column) for column in zip(*pieces, strict=True)]

    def _work(self) -> None:
        while True:
            with self._changed:
                batch = self._scheduler.take(now_us())
                if batch is None:
                    if self._stopping and not len(self._scheduler):
                        return
                    wake = self._scheduler.wake_us()
                    self._changed.wait(None if wake is None else max((wake - now_us()) / 1e6, 0.0))
                    continue
            self._process(batch)

    def _process(self, batch: Batch[_Task]) -> None:
        try:
            outputs = _run_batch(batch)
        except ServingError as error:
            self._finish(batch, None, error)
        except Exception as error:  # noqa: BLE001 - a batch thread must answer its callers and live on, whatever broke
            self._finish(batch, None, ServingError(Code.INTERNAL, f"{type(error).__name__}: {error}"))
        else:
            self._finish(batch, outputs, None)

    def _finish(self, batch: Batch[_Task], outputs: list[Array] | None, error: ServingError | None) -> None:
        at = 0
        for part in batch.parts:
            task = part.task
            with self._changed:
                if error is not None:
                    task.error = task.error or error
                elif outputs is not None:
                    task.outputs.append((part.start, [array[at : at + part.rows] for array in outputs]))
                task.rows_missing -= part.rows
                complete = task.rows_missing == 0
            at += part.rows
            if complete:
                task.done.set()


def _run_batch(batch: Batch[_Task]) -> list[Array]:
    now = now_us()
    deadlines = [part.task.deadline_us for part in batch.parts]
    if all(deadline is not None and deadline <= now for deadline in deadlines):
        raise ServingError(Code.RESOURCE_EXHAUSTED, QUEUE_TIMEOUT)
    first = batch.parts[0].task
    joined = [
        join(tensor, [_rows(part, place) for part in batch.parts], first.params)
        for place, tensor in enumerate(first.tensors)
    ]
    outputs = first.run(joined)
    for array in outputs:
        check_output(array, len(joined[0]))
    return outputs


def _rows(part: Part[_Task], place: int) -> Array:
    array: Array = part.task.arrays[place]
    return array if part.rows == len(array) else array[part.start : part.start + part.rows]
