"""Holds each sitting from start to end: servers up, everything measured, servers down, results as texts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks import batching as batching_stage
from benchmarks import batching_page, fronts_page, goals, machine
from benchmarks import fronts as fronts_stage
from benchmarks.batching_goals import LARGE, verdicts
from benchmarks.footprint import footprints, fresh
from benchmarks.generator import Generator
from benchmarks.picture import svg
from benchmarks.plan import BATCHING_LOADS, BATCHING_S, FRONT_LOADS, Load, seconds_per_round
from benchmarks.results import NOT_MEASURED_BATCHING, NOT_MEASURED_FRONTS, Conditions, as_json, document, write
from benchmarks.samples import summarise
from benchmarks.sitting import Sitting
from benchmarks.subjects import Stage

FRONTS: Final = ("fronts", "The gateway and its peers: processor time per call")
BATCHING: Final = ("batching", "Joined calls: processor time per call, and the goals of batching")
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Held:
    """A sitting's results, as they are written. `unanswered`: calls without their whole right reply."""

    name: str
    json: str
    page: str
    picture: str
    unanswered: int

    def write(self, folder: Path) -> list[Path]:
        """All three files. Raises: OSError."""
        return write(folder, self.name, {".json": self.json, ".md": self.page, ".svg": self.picture})


def fronts(rounds: int, seconds: float | None, command: str, without: Collection[str], tell: Tell) -> Held:
    """Gateway and proxies before a fast upstream. Raises: BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder, ExitStack() as stack:
        facts = machine.facts()  # before anything of ours runs
        stage = fronts_stage.set_up(stack, Path(folder), without)
        generator = Generator(Path(folder), stage.recorded)
        length = seconds or seconds_per_round(len(fronts_stage.FRONTS), len(FRONT_LOADS), rounds)
        conditions = _conditions(facts, stage, generator, FRONT_LOADS, command, rounds, length, NOT_MEASURED_FRONTS)
        small = fresh(stage, Path(folder), tell)
        samples = Sitting(stage.subjects, FRONT_LOADS, generator, length, tell).run(rounds)
        found = footprints(stage, small)
    name, title = FRONTS
    more = {
        "footprints": [asdict(footprint) for footprint in found],
        "processor_ratios": [asdict(ratio) for ratio in goals.processor_ratios(samples)],
        "p50_ratios": [asdict(ratio) for ratio in goals.p50_ratios(samples)],
    }
    figures = summarise(samples)
    return Held(
        name,
        as_json(document(conditions, samples, **more)),
        fronts_page.markdown(title, conditions, samples, found),
        svg(title, conditions, figures, fronts=True),
        sum(entry.unanswered for entry in figures),
    )


def batching(
    rounds: int, seconds: float | None, command: str, serving: Path | None, without: Collection[str], tell: Tell
) -> Held:
    """Model servers called directly, through proxies and through gateways. Raises: BenchmarkFailed."""
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as folder, ExitStack() as stack:
        facts = machine.facts()
        stage = batching_stage.set_up(stack, Path(folder), serving, without)
        generator = Generator(Path(folder), stage.recorded)
        length = seconds or seconds_per_round(len(stage.subjects), len(BATCHING_LOADS), rounds, BATCHING_S)
        conditions = _conditions(
            facts, stage, generator, BATCHING_LOADS, command, rounds, length, NOT_MEASURED_BATCHING
        )
        samples = Sitting(stage.subjects, BATCHING_LOADS, generator, length, tell).run(rounds)
    name, title = BATCHING
    figures = summarise(samples)
    goals_reached = [asdict(verdict) for verdict in verdicts(samples, conditions.groups)]
    return Held(
        name,
        as_json(document(conditions, samples, goals=goals_reached)),
        batching_page.markdown(title, conditions, samples),
        svg(title, conditions, [entry for entry in figures if entry.load != LARGE]),  # on a scale of its own
        sum(entry.unanswered for entry in figures),
    )


def _conditions(
    facts: machine.Facts,
    stage: Stage,
    generator: Generator,
    loads: tuple[Load, ...],
    command: str,
    rounds: int,
    seconds: float,
    not_measured: tuple[str, ...],
) -> Conditions:
    return Conditions(
        **facts,
        command=command,
        generator=generator.name(loads),
        rounds=rounds,
        seconds=seconds,
        titles={subject.key: subject.title for subject in stage.subjects},
        groups={subject.key: subject.group for subject in stage.subjects},
        directs=[subject.key for subject in stage.subjects if subject.front is None],
        not_measured=(*stage.left_out, *not_measured),
    )
