"""Admission: as many unfinished calls as the bound says, no more, and places come back."""

from __future__ import annotations

import pytest

from gateway.limits.admission import Admission


def test_calls_are_admitted_up_to_the_bound_and_again_after_one_ends() -> None:
    admission = Admission(2)
    assert [admission.admit() for _ in range(3)] == [True, True, False]
    admission.release()
    assert admission.unfinished == 1
    assert [admission.admit() for _ in range(2)] == [True, False]


def test_a_bound_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="max_concurrent_calls is 0, must be at least 1"):
        Admission(0)
