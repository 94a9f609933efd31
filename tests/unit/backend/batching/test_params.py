"""Promises of backend.batching.params: TensorFlow Serving's files are read, wrong ones are refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.batching.params import BatchingParams, parse_file
from backend.errors import Code, ServingError

GOOD = """
max_batch_size { value: 32 }
batch_timeout_micros { value: 1000 }
max_enqueued_batches { value: 7 }
num_batch_threads { value: 3 }
thread_pool_name { value: "pool" }
allowed_batch_sizes: 8
allowed_batch_sizes: 32
pad_variable_length_inputs: true
enable_large_batch_splitting { value: true }
max_execution_batch_size { value: 16 }
"""


def _write(folder: Path, text: str) -> str:
    path = folder / "batching.txt"
    path.write_text(text)
    return str(path)


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    assert parse_file(_write(tmp_path, GOOD)) == BatchingParams(
        max_batch_size=32,
        batch_timeout_us=1000,
        max_enqueued_batches=7,
        num_batch_threads=3,
        enable_large_batch_splitting=True,
        max_execution_batch_size=16,
        allowed_batch_sizes=(8, 32),
        pad_variable_length_inputs=True,
    )


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    params = parse_file(_write(tmp_path, ""))
    assert (params.max_batch_size, params.batch_timeout_us, params.max_enqueued_batches) == (1000, 0, 10)
    assert params.max_execution_batch_size == 1000
    assert params.num_batch_threads >= 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "max_batch_size { value: 8 } allowed_batch_sizes: 4",
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8",
        ),
        ("max_batch_size { value: 0 }", "max_batch_size must be positive; was 0"),
        ("batch_timeout_micros { value: -1 }", "batch_timeout_micros must be non-negative; was -1"),
        ("max_batchsize { value: 1 }", "max_batchsize"),
        (
            "max_batch_size {value: 8} max_execution_batch_size {value: 9} enable_large_batch_splitting {value: true}",
            "max_execution_batch_size must not exceed max_batch_size",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_name(tmp_path: Path, text: str, reason: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(ServingError) as error:
        parse_file(path)
    assert error.value.code is Code.INVALID_ARGUMENT
    assert error.value.message.startswith(path)
    assert reason in error.value.message


def test_a_missing_file_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(ServingError, match=r"^NOT_FOUND: .*can't be read"):
        parse_file(str(tmp_path / "none"))


@pytest.mark.parametrize(("rows", "padded"), [(1, 4), (4, 4), (5, 8), (9, 9)])
def test_rows_are_padded_to_the_next_allowed_size(rows: int, padded: int) -> None:
    params = BatchingParams(max_batch_size=8, max_execution_batch_size=8, allowed_batch_sizes=(4, 8))
    assert params.padded_rows(rows) == padded
