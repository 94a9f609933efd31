"""Promises of batching/policy.py: bad values cannot be built, sizes pad up to the next allowed one."""

from __future__ import annotations

import re
from typing import Any

import pytest

from gateway.batching.policy import BatchMode, BatchPolicy


def test_the_defaults_are_allowed() -> None:
    policy = BatchPolicy()
    assert policy.mode is BatchMode.AUTO
    assert [policy.padding_rows(rows) for rows in (1, 63, 64)] == [0, 0, 0]


def test_rows_are_padded_up_to_the_next_allowed_size() -> None:
    policy = BatchPolicy(max_batch_size=8, allowed_batch_sizes=(1, 4, 8))
    assert [policy.padding_rows(rows) for rows in (1, 2, 4, 5, 8, 9)] == [0, 2, 0, 3, 0, 0]


@pytest.mark.parametrize(
    "name",
    [
        "max_batch_size",
        "max_batch_bytes",
        "max_batch_members",
        "max_enqueued_batches",
        "slots_per_replica",
        "max_lanes",
    ],
)
def test_a_cap_below_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is 0, must be at least 1$"):
        BatchPolicy(**{name: 0})  # type: ignore[arg-type]  # whole numbers all


@pytest.mark.parametrize("name", ["batch_timeout_micros", "proof_rtol", "proof_atol"])
def test_what_may_be_zero_may_not_be_negative(name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name} is -1, must not be negative$"):
        BatchPolicy(**{name: -1})  # type: ignore[arg-type]  # numbers all


@pytest.mark.parametrize("sizes", [(0, 64), (4, 4, 64), (8, 4, 64)])
def test_allowed_sizes_increase_and_start_at_one_or_more(sizes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="must increase and start at 1 or more"):
        BatchPolicy(allowed_batch_sizes=sizes)


def test_the_last_allowed_size_is_the_cap() -> None:
    with pytest.raises(ValueError, match=r"^allowed_batch_sizes ends at 32, must end at max_batch_size, 64$"):
        BatchPolicy(allowed_batch_sizes=(1, 32))


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"^max_batch_size is 0.*; max_lanes is -2.*; allowed_batch_sizes ends at 4"):
        BatchPolicy(max_batch_size=0, max_lanes=-2, allowed_batch_sizes=(4,))


def test_one_joined_call_has_as_many_rows_as_a_batch_unless_large_ones_are_split_smaller() -> None:
    assert BatchPolicy(max_batch_size=32).execution_rows == 32
    assert BatchPolicy(max_batch_size=32, enable_large_batch_splitting=True).execution_rows == 32
    split = BatchPolicy(max_batch_size=32, enable_large_batch_splitting=True, max_execution_batch_size=8)
    assert split.execution_rows == 8


def test_a_size_is_taken_down_to_an_allowed_one() -> None:
    policy = BatchPolicy(max_batch_size=8, allowed_batch_sizes=(2, 4, 8))
    assert [policy.rows_allowed(rows) for rows in (1, 2, 3, 4, 7, 8)] == [2, 2, 2, 4, 4, 8]
    assert BatchPolicy().rows_allowed(5) == 5


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"max_execution_batch_size": 8}, "max_execution_batch_size is 8, needs enable_large_batch_splitting"),
        (
            {"max_execution_batch_size": 65, "enable_large_batch_splitting": True},
            "max_execution_batch_size is 65, must be between 1 and max_batch_size, 64",
        ),
        (
            {"max_execution_batch_size": 9, "enable_large_batch_splitting": True, "allowed_batch_sizes": (8, 64)},
            "max_execution_batch_size is 9, must be one of allowed_batch_sizes, [8, 64]",
        ),
        ({"latency_target_s": 0.0}, "latency_target_s is 0, must be more than 0"),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        BatchPolicy(**settings)
