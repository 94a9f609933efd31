"""Promises of backend.batching.shell: every caller gets its own rows or the reason why not."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from backend.batching.params import BatchingParams
from backend.batching.shell import Batcher, now_us
from backend.errors import Code, ServingError
from backend.tensors import Array

HOUR_US = 3_600_000_000


@pytest.fixture
def batcher() -> Iterator[Batcher]:
    made = Batcher(threads=2)
    made.start()
    yield made
    made.stop(5)


def double(arrays: Sequence[Array]) -> list[Array]:
    return [arrays[0] * 2]


def test_joined_callers_get_their_own_rows(batcher: Batcher) -> None:
    # The timeout is an hour: only a full batch of all four callers can answer them.
    params = BatchingParams(max_batch_size=4, max_execution_batch_size=4, batch_timeout_us=HOUR_US)
    sizes: list[int] = []

    def run(arrays: Sequence[Array]) -> list[Array]:
        sizes.append(len(arrays[0]))
        return double(arrays)

    def call(value: int) -> list[float]:
        return batcher.run("k", params, ["x:0"], [np.array([[value]])], run, None)[0].ravel().tolist()

    with ThreadPoolExecutor(4) as callers:
        assert list(callers.map(call, range(4))) == [[0], [2], [4], [6]]
    assert sizes == [4]


def test_a_cut_request_comes_back_whole(batcher: Batcher) -> None:
    params = BatchingParams(max_batch_size=10, max_execution_batch_size=3, enable_large_batch_splitting=True)
    rows = np.arange(10)
    assert batcher.run("k", params, ["x:0"], [rows], double, None)[0].tolist() == (rows * 2).tolist()


def test_padding_rows_are_cut_off_again(batcher: Batcher) -> None:
    params = BatchingParams(max_batch_size=8, allowed_batch_sizes=(8,))
    assert batcher.run("k", params, ["x:0"], [np.array([1, 2])], double, None)[0].tolist() == [2, 4]


def test_no_rows_are_run_alone(batcher: Batcher) -> None:
    assert batcher.run("k", BatchingParams(), ["x:0"], [np.zeros((0, 2))], double, None)[0].shape == (0, 2)


def test_an_unforeseen_failure_reaches_its_callers_and_the_next_batch_runs(batcher: Batcher) -> None:
    def broken(arrays: Sequence[Array]) -> list[Array]:
        raise KeyError("gone")

    with pytest.raises(ServingError, match="INTERNAL: KeyError: 'gone'"):
        batcher.run("k", BatchingParams(), ["x:0"], [np.zeros(1)], broken, None)
    assert batcher.run("k", BatchingParams(), ["x:0"], [np.ones(1)], double, None)[0].tolist() == [2]


def test_an_output_that_cannot_be_cut_is_an_error(batcher: Batcher) -> None:
    with pytest.raises(ServingError) as error:
        batcher.run("k", BatchingParams(), ["x:0"], [np.ones(2)], lambda arrays: [np.ones(1)], None)
    assert error.value.code is Code.FAILED_PRECONDITION


def test_a_caller_whose_deadline_passes_in_the_queue_is_told_so(batcher: Batcher) -> None:
    params = BatchingParams(max_batch_size=4, max_execution_batch_size=4, batch_timeout_us=HOUR_US)
    with pytest.raises(ServingError) as error:
        batcher.run("k", params, ["x:0"], [np.ones(1)], double, now_us() + 1000)
    assert str(error.value) == "RESOURCE_EXHAUSTED: Run() timeout exceeded while waiting in batching queue"


def test_a_batch_runs_as_long_as_one_member_still_waits(batcher: Batcher) -> None:
    params = BatchingParams(max_batch_size=2, max_execution_batch_size=2, batch_timeout_us=HOUR_US)
    with pytest.raises(ServingError):
        batcher.run("k", params, ["x:0"], [np.array([1])], double, now_us())
    assert batcher.run("k", params, ["x:0"], [np.array([5])], double, None)[0].tolist() == [10]


def test_stop_answers_those_who_wait_and_refuses_the_rest() -> None:
    batcher = Batcher(threads=1)
    batcher.start()
    entered, leave = threading.Event(), threading.Event()

    def slow(arrays: Sequence[Array]) -> list[Array]:
        entered.set()
        leave.wait(10)
        return double(arrays)

    with ThreadPoolExecutor(1) as callers:
        answer = callers.submit(batcher.run, "k", BatchingParams(), ["x:0"], [np.ones(1)], slow, None)
        assert entered.wait(10)
        batcher.stop(0)
        with pytest.raises(ServingError, match="UNAVAILABLE: the server is shutting down"):
            batcher.run("k", BatchingParams(), ["x:0"], [np.ones(1)], double, None)
        leave.set()
        assert answer.result(10)[0].tolist() == [2]
