"""Goals of batching: what is divided by what, when they are met, and the page that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from benchmarks.batching_goals import GOALS, LARGE, LONE, MANY, OURS, STREAMS, VARIED, Verdict, verdicts
from benchmarks.batching_page import markdown
from benchmarks.samples import Sample
from tests.unit.benchmarks.sittings import CONDITIONS, sample

WAYS = ("plain", "batching", "haproxy", "nginx", "passing", "joining")
GROUPS = {f"backend-{way}": "backend" for way in WAYS}
TITLES = {subject: subject.replace("-", " ") for subject in GROUPS}
PAGE = replace(CONDITIONS, titles=TITLES, groups=GROUPS, directs=["backend-plain", "backend-batching"])


def three(way: str, front_us: float, server_us: float, load: str = MANY, wall_s: float = 2.0) -> list[Sample]:
    """Rounds of 1,000 calls in `wall_s`; the front's time 10 us less and more in the second and third."""
    rounds = ((1, 0.0), (2, -10.0), (3, 10.0))
    fronts = [sample(f"backend-{way}", number, max(0, front_us + more), server_us, load) for number, more in rounds]
    return [replace(entry, wall_s=wall_s) for entry in fronts]


def judged(samples: Sequence[Sample], words: str, load: str = MANY) -> Verdict:
    [found] = [v for v in verdicts(samples, GROUPS) if v.load == load and words in v.words]
    return found


def test_the_total_is_held_against_the_cheaper_direct_call_and_says_which() -> None:
    samples = [*three("plain", 0, 200), *three("batching", 0, 300), *three("joining", 30, 20)]
    found = judged(samples, "gateway + model server")
    assert (found.against, round(found.ratio, 2), found.met) == ("backend-plain", 0.25, True)
    assert (found.ours, found.theirs) == (50, 200)
    dearer = [*three("plain", 0, 200), *three("batching", 0, 150), *three("joining", 30, 20)]
    found = judged(dearer, "gateway + model server")
    assert (found.against, round(found.ratio, 2), found.met) == ("backend-batching", 0.33, False)


def test_calls_per_second_must_be_so_many_times_those_of_the_faster_direct_call() -> None:
    direct = [*three("plain", 0, 200, wall_s=4.0), *three("batching", 0, 300, wall_s=3.0)]
    found = judged([*direct, *three("joining", 30, 20, wall_s=1.0)], "calls per second")
    assert (found.against, round(found.ratio, 2), found.met) == ("backend-batching", 3.0, True)
    found = judged([*direct, *three("joining", 30, 20, wall_s=1.01)], "calls per second")
    assert found.met is False


def test_the_gateway_alone_is_held_against_haproxy_alone() -> None:
    found = judged([*three("haproxy", 50, 900), *three("joining", 40, 20)], "over HAProxy")
    assert (round(found.ratio, 2), found.met) == (0.8, True)
    assert (found.rounds.least, found.rounds.most) == pytest.approx((0.75, 50 / 60))


def test_a_row_is_held_against_passing_through_alone_and_together() -> None:
    samples = [*three("passing", 1000, 4000, LARGE), *three("joining", 1200, 2000, LARGE)]
    assert judged(samples, "gateway alone", LARGE).met is False
    assert judged(samples, "gateway + model server", LARGE).ratio == pytest.approx(3200 / 5000)


def test_varied_calls_are_held_against_plain_ones_of_either_generator() -> None:
    samples = [*three("joining", 40, 20), *three("joining", 80, 20, OURS), *three("joining", 100, 20, VARIED)]
    assert judged(samples, "gateway alone, processor time, over that of 64 x 1 (h2load)", VARIED).ratio == 2.5
    found = judged(samples, "gateway alone, processor time, over that of 64 x 1, our generator", VARIED)
    assert (round(found.ratio, 2), found.met) == (1.25, True)
    assert judged(samples, "gateway + model server", VARIED).ratio == pytest.approx(1.2)


def test_a_lone_callers_p50_is_held_against_nginx() -> None:
    lone = [replace(entry, p50_us=130.0) for entry in three("joining", 40, 20, LONE)]
    lone += [replace(entry, p50_us=100.0) for entry in three("nginx", 40, 20, LONE)]
    assert judged(lone, "p50", LONE).met
    assert not verdicts([replace(entry, p50_us=0.0) for entry in lone], GROUPS)


def test_each_server_and_each_build_is_judged_by_itself() -> None:
    samples = [*three("haproxy", 50, 900), *three("joining", 40, 20), *three("joining-compiled", 20, 20)]
    real = [replace(entry, subject=entry.subject.replace("backend", "serving")) for entry in samples]
    groups = {entry.subject: entry.subject.partition("-")[0] for entry in [*samples, *real]}
    found = [(v.server, v.build, round(v.ratio, 2)) for v in verdicts([*samples, *real[:6]], groups)]
    assert found == [("backend", "-compiled", 0.4), ("backend", "", 0.8), ("serving", "", 0.8)]


def test_goals_are_those_that_batching_is_held_to() -> None:
    bounds = [(goal.load, goal.against, goal.bound, goal.at_least) for goal in GOALS]
    for load in (MANY, OURS, STREAMS):
        assert (load, ("plain", "batching"), 0.3, False) in bounds
        assert (load, ("plain", "batching"), 3.0, True) in bounds
    assert [load for load, against, *bound in bounds if (against, bound) == (("haproxy",), [0.8, False])] == [
        MANY,
        OURS,
    ]
    assert (LONE, ("nginx",), 1.3, False) in bounds
    assert bounds.count((LARGE, ("passing{build}",), 1.1, False)) == 2
    assert bounds.count((VARIED, ("joining{build}",), 1.25, False)) == 3


def test_the_page_shows_each_ratio_with_its_parts_and_its_goal() -> None:
    page = markdown("Title", PAGE, [*three("plain", 0, 200), *three("haproxy", 20, 200), *three("joining", 30, 20)])
    assert (
        "| 64 x 1 | gateway + model server, processor time, over the server called directly, its better setting "
        in page
    )
    assert "| **0.25** [0.20 to 0.29], 50 / 200 (backend plain), at most 0.3: met |" in page
    assert "**1.50** [1.33 to 2.00], 30 / 20, at most 0.8: **not met**" in page
    assert "**1.00** [1.00 to 1.00], 500 / 500 (backend plain), at least 3: **not met**" in page


def test_the_page_says_when_nothing_could_be_judged() -> None:
    assert "None could be judged" in markdown("Title", PAGE, three("plain", 0, 200))
