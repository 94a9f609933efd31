"""Promises of batching/policy.py: bad values cannot be built, sizes pad up to the next allowed one."""

from __future__ import annotations

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
