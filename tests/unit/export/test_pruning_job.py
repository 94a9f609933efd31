"""What a child of pruning is given, and which training rows judge its passes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from export.pruning.finetune import MAX_VALIDATION_ROWS, MIN_VALIDATION_ROWS, split_rows
from export.pruning.job import Job


@given(st.one_of(st.integers(1, 3000), st.integers(100_000, 150_000)), st.integers(0, 99))
def test_every_row_is_trained_on_or_judges_never_both(rows: int, seed: int) -> None:
    trained, judged = split_rows(rows, seed)
    np.testing.assert_array_equal(np.sort(np.r_[trained, judged]), np.arange(rows))
    assert len(judged) == 0 or MIN_VALIDATION_ROWS <= len(judged) <= min(rows / 10, MAX_VALIDATION_ROWS)


def test_rows_are_drawn_alike_for_every_round() -> None:
    np.testing.assert_array_equal(split_rows(500, 1)[1], split_rows(500, 1)[1])
    assert set(split_rows(500, 1)[1]) != set(split_rows(500, 2)[1])


def test_a_job_reads_back_as_it_was_written(tmp_path: Path) -> None:
    job = Job(3, 7, True, False, ("my_layers", "other.layers"))
    job.write(tmp_path)
    assert Job.read(tmp_path) == job
