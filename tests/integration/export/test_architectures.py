"""What must hold of pruning for any architecture: models drawn at random, with random weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from export.options import Importance, PruneSpec
from export.pruning.costs import expected_parameters
from export.pruning.graph import ChannelGraph, build_graph
from export.pruning.groups import Group, prunable_groups, removed_roots
from export.pruning.importance import weight_scores
from export.pruning.surgery import cut_model
from tests.integration.export.architectures import PLANS, Architecture, difference, from_plan, outputs, report
from tests.integration.export.cut_oracles import mute, unhear

pytestmark = pytest.mark.slow

# Shrinking would build hundreds of models: the failing plan is printed as it is.
examples = settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.explicit, Phase.generate])


def assert_least_important(graph: ChannelGraph, groups: list[Group], removed: set[int], spec: PruneSpec) -> None:
    """Of each part of each group, what goes scores no higher than what stays, and as many as asked for go."""
    scores = weight_scores(graph, spec.importance).by_root
    for group in groups:
        assert len(removed & set(group.roots)) == len(group.roots) - group.keep
        for part in group.parts:
            gone = [scores[root] for root in part if root in removed]
            stays = [scores[root] for root in part if root not in removed]
            assert len(stays) == group.keep // len(group.parts)
            assert max(gone, default=0.0) <= min(stays)


def assert_right_channels_went(drawn: Architecture, graph: ChannelGraph, removed: set[int], cut: list[Any]) -> None:
    """The cut model answers as the whole one, with the removed channels mute and with them unheard."""
    model, rows = drawn.model, drawn.rows()
    if "mixes" in drawn.traits:
        return
    bound = 1e-4 * (1.0 + max(float(np.abs(answer).max()) for answer in cut))
    before = model.get_weights()
    unhear(graph, removed)
    assert difference(outputs(model, rows), cut) < bound
    model.set_weights(before)
    if "shifts" not in drawn.traits:
        mute(graph, removed)
        assert difference(outputs(model, rows), cut) < bound
        model.set_weights(before)


@examples
@given(PLANS, st.sampled_from((Importance.L1, Importance.L2)))
def test_any_architecture_is_exact_at_ratio_0_and_right_at_30_and_60_percent(
    plan: list[int], importance: Importance
) -> None:
    drawn = from_plan(plan)
    model, rows = drawn.model, drawn.rows()
    graph = build_graph(model)
    whole = outputs(model, rows)
    assert difference(whole, outputs(cut_model(model, graph, set()), rows)) == 0.0
    assert expected_parameters(graph, model, set()) == model.count_params()
    for ratio in (0.3, 0.6):
        spec = PruneSpec(ratio, importance)
        groups = prunable_groups(graph, ratio)
        removed = removed_roots(graph, groups, spec)
        assert removed, graph.protected
        smaller = cut_model(model, graph, removed)
        assert smaller.count_params() == expected_parameters(graph, model, removed) < model.count_params()
        cut = outputs(smaller, rows)
        assert [answer.shape for answer in cut] == [answer.shape for answer in whole]
        assert all(np.isfinite(answer).all() for answer in cut)
        assert_least_important(graph, groups, removed, spec)
        assert_right_channels_went(drawn, graph, removed, cut)


def test_the_report_of_an_architecture_is_the_same_every_time() -> None:
    first: Any = report(5)
    assert first == report(5)
    assert first["exact"]
    assert first["ratios"]["0.6"]["parameters"] < first["ratios"]["0.3"]["parameters"] < first["parameters"]
