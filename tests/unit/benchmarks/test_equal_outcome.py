"""What the equality check makes of the gateway's metrics: calls that hardly met prove nothing."""

from __future__ import annotations

import pytest

from benchmarks.equal import LEAST_PER_JOIN, Outcome, joining
from benchmarks.equal_exchange import answers
from benchmarks.equal_spec import MODELS
from benchmarks.joined import Joined, read

PAGE = """\
# HELP tidegate_batch_rows Rows
# TYPE tidegate_batch_rows histogram
tidegate_batch_rows_bucket{model="mlp",version="1",le="+Inf"} 4
tidegate_batch_rows_count{model="mlp",version="1"} 4
tidegate_batch_rows_sum{model="mlp",version="1"} 40
# HELP tidegate_batch_members Calls
# TYPE tidegate_batch_members counter
tidegate_batch_members_total{model="mlp",version="1"} 10
# HELP tidegate_unjoined Calls
# TYPE tidegate_unjoined counter
tidegate_unjoined_total{model="words",reason="string"} 7
"""


def test_models_whose_calls_hardly_met_are_named() -> None:
    joined = {model.name: Joined(members=100, joins=10) for model in MODELS}
    assert Outcome(joined=joined).too_little() == []
    some = Outcome(joined={**joined, "words": Joined(members=12, joins=10)})
    assert some.too_little() == [f"words: 1.20 calls per join, {LEAST_PER_JOIN} are wanted"]


def test_joins_are_read_from_the_metrics_by_model() -> None:
    found = read(PAGE)
    assert found["mlp"] == Joined(members=10, joins=4, rows=40)
    assert (found["mlp"].members_per_join, found["mlp"].rows_per_join) == (2.5, 10)
    assert found["words"] == Joined(unjoined={"string": 7})
    assert found["words"].members_per_join == 0


async def test_callers_that_cannot_share_the_calls_are_refused() -> None:
    with pytest.raises(ValueError, match="got 3, must be a multiple of 2"):
        await answers(1, [b""] * 3, 2)


def test_results_have_the_means_of_joins_beside_the_counts() -> None:
    found = joining(Joined(members=10, joins=4, rows=41))
    assert (found["members_per_join"], found["rows_per_join"], found["members"]) == (2.5, 10.25, 10)
