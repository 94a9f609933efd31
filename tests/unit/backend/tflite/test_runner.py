"""Promises of backend.tflite.runner: callers never share an interpreter, and joined rows come back to their callers."""

from __future__ import annotations

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from backend.batching.params import BatchingParams
from backend.errors import Code, ServingError
from backend.tflite.interpreter import LiteInterpreter, read_tensors
from backend.tflite.runner import LiteRunner, Pool
from backend.tflite.signatures import by_name
from tests.unit.backend.tflite.litefiles import Tensor, adding

DEADLINE_S = 10.0
JOINING = BatchingParams(
    max_batch_size=500, max_execution_batch_size=250, num_batch_threads=2, enable_large_batch_splitting=True
)


def _runner(content: bytes, interpreters: int = 2, joining: BatchingParams | None = None) -> LiteRunner:
    inputs, outputs = read_tensors(content)
    pool = Pool([LiteInterpreter(content) for _ in range(interpreters)])
    return LiteRunner(pool, by_name(inputs, "Input"), by_name(outputs, "Output"), joining)


@pytest.mark.parametrize("joining", [None, JOINING], ids=["alone", "joined"])
def test_many_callers_get_their_own_rows(joining: BatchingParams | None) -> None:
    runner = _runner(adding(), joining=joining)

    def call(number: int) -> bool:
        sent = np.full((number % 5 + 1, 2), number, np.float32)
        (got,) = runner.run(["x:0"], [sent], ["y:0"])
        return bool((got == sent + 1).all())

    with ThreadPoolExecutor(8) as callers:
        assert all(callers.map(call, range(400)))
    runner.close()


def test_inputs_may_come_in_any_order_and_outputs_twice() -> None:
    runner = _runner(adding([Tensor("a", (-1,)), Tensor("b", (-1, 2))], Tensor("c")))
    row, rows = np.array([5, 7], np.float32), np.ones((3, 2), np.float32)
    got = runner.run(["b", "a"], [rows, row], ["c", "c"])
    assert [array.tolist() for array in got] == [[[6, 8]] * 3] * 2


def test_an_input_that_nobody_feeds_is_an_error_and_not_an_earlier_callers_value() -> None:
    runner = _runner(adding([Tensor("a"), Tensor("b")]))
    with pytest.raises(ServingError, match=r"doesn't feed these inputs of the TFLite model: \['b'\]") as error:
        runner.run(["a"], [np.zeros((1, 2), np.float32)], ["y:0"])
    assert error.value.code is Code.FAILED_PRECONDITION


def test_a_call_waits_for_a_free_interpreter() -> None:
    pool = Pool([LiteInterpreter(adding())])
    taken = threading.Event()

    def take() -> None:
        with pool.take(((1, 2),)):
            taken.set()

    with pool.take(((1, 2),)):
        waiting = threading.Thread(target=take)
        waiting.start()
        assert not taken.is_set()
    assert taken.wait(DEADLINE_S)
    waiting.join(DEADLINE_S)


def test_an_interpreter_of_the_right_size_is_taken_first() -> None:
    pool = Pool([LiteInterpreter(adding()) for _ in range(3)])
    with pool.take(((4, 2),)) as first:
        first.run([np.zeros((4, 2), np.float32)], [1])
        with pool.take(((1, 2),)):
            pass
    with pool.take(((1, 2),)) as other:
        assert other is not first
    with pool.take(((4, 2),)) as again:
        assert again is first


def test_an_interpreter_comes_back_after_a_failed_call() -> None:
    runner = _runner(adding(), interpreters=1)
    for _ in range(3):
        with pytest.raises(ServingError):
            runner.run(["x:0"], [np.zeros((2, 2, 2, 2, 2, 2, 2, 2, 2), np.float32)], ["y:0"])
    assert runner.run(["x:0"], [np.zeros((1, 2), np.float32)], ["y:0"])[0].tolist() == [[1, 1]]


def test_large_requests_are_cut_where_requests_are_joined() -> None:
    runner = _runner(adding(), joining=dataclasses.replace(JOINING, max_execution_batch_size=4))
    sent = np.arange(22, dtype=np.float32).reshape(11, 2)
    assert runner.run(["x:0"], [sent], ["y:0"])[0].tolist() == (sent + 1).tolist()
    with pytest.raises(ServingError, match="Task size 501 is larger than maximum input batch size 500"):
        runner.run(["x:0"], [np.zeros((501, 2), np.float32)], ["y:0"])
    runner.close()
