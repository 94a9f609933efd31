"""A rollout's ramp: sticky, only growing, and blind to the split."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.routing.ramp import Ramp, ramp_ring
from gateway.routing.split import SLOTS, Arm, Split

KEYS = [f"user-{number}".encode() for number in range(5_000)]


@given(st.integers(0, SLOTS - 1), st.floats(0, 100), st.floats(0, 100))
@settings(deadline=None, max_examples=50)
def test_a_growing_ramp_returns_nobody(bucket: int, one: float, two: float) -> None:
    small, large = Ramp(2, min(one, two)), Ramp(2, max(one, two))
    assert large.takes(bucket) or not small.takes(bucket)


def test_a_ramp_takes_exactly_its_share_of_the_buckets() -> None:
    for percent in (0, 0.01, 10, 50, 99.99, 100):
        assert sum(Ramp(2, percent).takes(bucket) for bucket in range(SLOTS)) == round(percent * 100)


def test_who_goes_ahead_does_not_depend_on_the_split() -> None:
    split = Split("digits", (Arm("base", 50), Arm("other", 50)))
    ring, ramp = ramp_ring("digits"), Ramp(2, 20)
    ahead = [ramp.takes(ring.bucket(key)) for key in KEYS if split.position(key) == 0]
    assert abs(sum(ahead) - len(ahead) * 0.2) < 5 * (len(ahead) * 0.2 * 0.8) ** 0.5


@pytest.mark.parametrize(
    ("version", "percent", "message"),
    [
        (-1, 10, "to_version: -1 is negative"),
        (1, 101, "percent: 101 is not"),
        (1, -0.5, "percent: -0.5 is not"),
        (1, float("nan"), "percent: nan"),
    ],
)
def test_a_ramp_out_of_range_cannot_be_built(version: int, percent: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ramp(version, percent)
