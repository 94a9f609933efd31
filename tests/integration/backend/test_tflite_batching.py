"""TensorFlow Lite versions and joining in a real process: the server's batching, and the interpreters' own."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import numpy as np
import pytest

from tests.integration.backend import litemodels
from tests.integration.backend.process import CALL_S, Backend, status_of

pytestmark = pytest.mark.slow

PARAMETERS = """
max_batch_size { value: 8 }
batch_timeout_micros { value: 1500000 }
allowed_batch_sizes: 4
allowed_batch_sizes: 8
"""


def _started(root: Path, *flags: str) -> Backend:
    litemodels.write(root / "m/1", litemodels.counting())
    common = (f"--model_base_path={root / 'm'}", "--prefer_tflite_model", "--grpc_max_threads=64")
    return Backend(root / "run", *common, *flags).connect()


@pytest.fixture(scope="module")
def batching(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """--enable_batching."""
    root = tmp_path_factory.mktemp("batching")
    (root / "parameters").write_text(PARAMETERS)
    backend = _started(root, "--enable_batching", f"--batching_parameters_file={root / 'parameters'}")
    yield backend
    backend.close()


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """One interpreter that joins what waits for it, 125 rows at a time."""
    backend = _started(
        tmp_path_factory.mktemp("pooled"), "--num_tflite_pools=1", "--num_tflite_interpreters_per_pool=4"
    )
    yield backend
    backend.close()


def _call(backend: Backend, value: float) -> tuple[int, float]:
    got = backend.predict("default", {"x": np.full((1, 2), value, np.float32)})
    return int(got["rows"][0]), float(got["sum"][0])


def test_the_servers_batching_joins_and_pads(batching: Backend) -> None:
    with ThreadPoolExecutor(8) as callers:
        got = list(callers.map(lambda value: _call(batching, value), range(8)))
    assert got == [(8, 2.0 * value) for value in range(8)]
    assert batching.predict("default", {"x": np.ones((3, 2), np.float32)})["rows"].tolist() == [4, 4, 4]
    with pytest.raises(grpc.RpcError) as error:
        batching.predict("default", {"x": np.ones((9, 2), np.float32)})
    assert status_of(error.value)[1] == "Task size 9 is larger than maximum input batch size 8"


def test_an_interpreters_own_batching_cuts_large_requests(pooled: Backend) -> None:
    sent = np.arange(600, dtype=np.float32).reshape(300, 2)
    got = pooled.predict("default", {"x": sent})
    assert got["rows"].tolist() == [125] * 250 + [50] * 50
    assert got["sum"].tolist() == sent.sum(axis=1).tolist()
    with pytest.raises(grpc.RpcError) as error:
        pooled.predict("default", {"x": np.ones((501, 2), np.float32)})
    assert status_of(error.value) == (
        "INVALID_ARGUMENT",
        "Task size 501 is larger than maximum input batch size 500",
    )


def test_an_interpreters_own_batching_joins_what_waits_and_mixes_nothing_up(pooled: Backend) -> None:
    until, joined = time.monotonic() + CALL_S, False
    with ThreadPoolExecutor(16) as callers:
        while not joined:
            got = list(callers.map(lambda value: _call(pooled, value), range(64)))
            assert [answer for _, answer in got] == [2.0 * value for value in range(64)]
            joined = any(rows > 1 for rows, _ in got)
            assert time.monotonic() < until, "no two of 16 callers were ever joined"
