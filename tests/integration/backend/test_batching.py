"""Server-side batching of a real process: joined, padded, bounded, and failing as one."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest
import tensorflow as tf

from tests.integration.backend.process import CALL_S, Backend, config_list, model_config, request, status_of

pytestmark = pytest.mark.slow

PARAMETERS = """
max_batch_size { value: 8 }
batch_timeout_micros { value: 1500000 }
max_enqueued_batches { value: 2 }
allowed_batch_sizes: 4
allowed_batch_sizes: 8
"""


@pytest.fixture(scope="module")
def batching(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """`counting` brings its own parameters; `half` has none and isn't batched."""
    root = tmp_path_factory.mktemp("batching")
    shutil.copytree(saved / "counting", root / "counting/1")
    shutil.copytree(saved / "half1", root / "half/1")
    (root / "counting/1/batching_params.pbtxt").write_text(PARAMETERS)
    (root / "global.txt").write_text("num_batch_threads { value: 2 }")
    config = root / "models.config"
    config.write_text(config_list(model_config("counting", root / "counting")))
    backend = Backend(
        root / "run",
        f"--model_config_file={config}",
        "--model_config_file_poll_wait_seconds=1",
        "--enable_batching",
        f"--batching_parameters_file={root / 'global.txt'}",
        "--enable_per_model_batching_parameters",
        "--enable_serialization_as_tensor_content",
        "--grpc_max_threads=10",
    )
    yield backend.connect()
    backend.close()


def _call(backend: Backend, value: float, columns: int = 1) -> dict[str, list[float]] | tuple[str, str]:
    try:
        got = backend.predict("counting", {"x": np.full((1, columns), value, np.float32)})
    except grpc.RpcError as error:
        return status_of(error)
    return {alias: array.tolist() for alias, array in got.items()}


def test_eight_callers_run_as_one_and_get_their_own_rows(batching: Backend) -> None:
    with ThreadPoolExecutor(8) as callers:
        got = list(callers.map(lambda value: _call(batching, value), range(8)))
    assert got == [{"rows": [8], "sum": [float(value)]} for value in range(8)]


def test_a_lone_request_is_padded_to_an_allowed_size(batching: Backend) -> None:
    got = batching.predict("counting", {"x": np.ones((3, 2), np.float32)})
    assert (got["rows"].tolist(), got["sum"].tolist()) == ([4, 4, 4], [2, 2, 2])


def test_a_caller_without_a_deadline_waits_for_its_batch(batching: Backend) -> None:
    message = request("counting", {"x": np.ones((4, 1), np.float32)})
    got = batching.prediction.Predict(message)  # no timeout: the batch's own time-out bounds it
    assert tf.make_ndarray(got.outputs["rows"]).tolist() == [4] * 4


def test_a_request_beyond_the_maximum_is_refused(batching: Backend) -> None:
    with pytest.raises(grpc.RpcError) as error:
        batching.predict("counting", {"x": np.ones((9, 2), np.float32)})
    assert status_of(error.value) == (
        "INVALID_ARGUMENT",
        "Task size 9 is larger than maximum input batch size 8",
    )


def test_one_bad_row_fails_its_whole_batch(batching: Backend) -> None:
    with ThreadPoolExecutor(8) as callers:
        got = list(callers.map(lambda value: _call(batching, value), [-1.0, *range(7)]))
    assert {answer[0] if isinstance(answer, tuple) else answer["rows"][0] for answer in got} == {"INVALID_ARGUMENT"}


def test_other_shapes_in_one_batch_fail_it(batching: Backend) -> None:
    with ThreadPoolExecutor(2) as callers:
        got = list(callers.map(lambda columns: _call(batching, 1.0, columns), [2, 3]))
    for answer in got:
        assert isinstance(answer, tuple)
        assert answer[0] == "FAILED_PRECONDITION"
        assert "from different tasks have different shapes and padding is turned off" in answer[1]


def test_an_output_without_rows_cannot_be_batched(batching: Backend) -> None:
    with pytest.raises(grpc.RpcError) as error:
        batching.predict("counting", {"x": np.ones((8, 3), np.float32)}, signature="mean")
    assert status_of(error.value) == ("FAILED_PRECONDITION", "Batched output tensor has 0 dimensions")


def test_calls_beyond_the_limit_are_refused_at_once(batching: Backend) -> None:
    # Three queues of at most seven waiting rows each: no batch is full, so ten calls stay inside until the timeout.
    filters: list[list[str]] = [[], ["rows"], ["sum"]]
    one = np.ones((1, 1), np.float32)
    futures = [
        batching.prediction.Predict.future(request("counting", {"x": one}, outputs=filters[number % 3]), timeout=CALL_S)
        for number in range(20)
    ]
    failures = [status_of(future.exception(CALL_S)) for future in futures if future.exception(CALL_S)]
    assert failures == [("RESOURCE_EXHAUSTED", "Server Threadpool Exhausted")] * 10


def test_answers_come_as_tensor_content_when_asked(batching: Backend) -> None:
    one = np.ones((8, 1), np.float32)
    output = batching.prediction.Predict(request("counting", {"x": one}), timeout=CALL_S).outputs["sum"]
    assert np.frombuffer(output.tensor_content, np.float32).tolist() == [1.0] * 8
    assert not output.float_val


def test_the_configuration_file_is_read_again_and_a_model_without_parameters_is_not_batched(
    batching: Backend,
) -> None:
    root = batching.log_path.parent.parent
    config = root / "models.config"
    config.write_text("model_config_list { broken")
    batching.wait_log("Failed to read ModelServerConfig file")
    config.write_text(config_list(model_config("counting", root / "counting"), model_config("half", root / "half")))
    batching.wait_log("half version 1: AVAILABLE")
    # More rows than any batch may have.
    assert batching.predict("half", {"x": np.zeros((20, 3), np.float32)})["y"].shape == (20, 3)
