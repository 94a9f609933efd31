"""Holds the sitting of exports: models made, every variant exported, all versions timed, results as texts."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import export_page, machine
from benchmarks.errors import BenchmarkFailed
from benchmarks.export_child import Tell, run_child
from benchmarks.export_conditions import Conditions
from benchmarks.export_goals import breaks_the_rule, goals
from benchmarks.export_made import Made, made
from benchmarks.export_models import KINDS, RESIDUAL_CNN
from benchmarks.export_outcome import Outcome, Sitting, Status, Timed
from benchmarks.export_picture import svg
from benchmarks.export_run import run_export
from benchmarks.export_variants import VARIANTS
from benchmarks.results import as_json, write
from benchmarks.samples import spread

NAME: Final = "export"
MEASURED: Final = ("export", "benchmarks")
PACKAGES: Final = ("tidegate", "tensorflow", "keras", "ai-edge-litert", "numpy", "scikit-learn", "scipy")
ROWS: Final = (1, 32)
SECONDS: Final = 2.0  # of a round, all versions of a model together; each gets three turns at least
QUICK_SECONDS: Final = 0.3
QUICK_EPOCHS: Final = 3  # of fine-tuning
QUICK_MODELS: Final = (RESIDUAL_CNN,)
SIDE_BY_SIDE_S: Final = 600.0
NOT_MEASURED: Final = (
    "A GPU, and TensorFlow Serving itself: latency is of a session or interpreter in one process, without the network.",
    "Several threads in one call: one thread an operation, as the gate measures.",
    "float16 and tflite-float16 (size only on a processor), pruning by global or latency-driven allocation.",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """`models`: names. `fresh`: train even what was trained before. `quick`: a trial, whose figures mean nothing."""

    models: tuple[str, ...]
    rounds: int
    seconds: float
    fresh: bool
    quick: bool


@dataclass(frozen=True, slots=True)
class Held:
    """A sitting's results, as they are written."""

    sitting: Sitting
    json: str
    page: str
    picture: str

    @property
    def broken(self) -> list[str]:
        """What was published and breaks the gate's rule, and what failed, in words."""
        found = self.sitting.outcomes
        broken = [f"{one.model}, {one.variant}: published, and must not be" for one in found if breaks_the_rule(one)]
        failed = [one for one in found if one.status is Status.FAILED]
        return [*broken, *(f"{one.model}, {one.variant}: failed: {one.reason}" for one in failed)]

    def write(self, folder: Path) -> list[Path]:
        """All three files. Raises: OSError."""
        return write(folder, NAME, {".json": self.json, ".md": self.page, ".svg": self.picture})


def plan(models: Sequence[str], rounds: int | None, seconds: float | None, fresh: bool, quick: bool) -> Plan:
    """With the defaults of a whole sitting, or of a quick one."""
    chosen = tuple(models) or (QUICK_MODELS if quick else tuple(KINDS))
    return Plan(chosen, rounds or (2 if quick else 5), seconds or (QUICK_SECONDS if quick else SECONDS), fresh, quick)


def hold(planned: Plan, command: str, tell: Tell) -> Held:
    """Raises: BenchmarkFailed."""
    facts = machine.facts(MEASURED, PACKAGES, programs={})
    started = time.monotonic()
    ready = made(planned.models, planned.fresh, planned.quick, tell)
    outcomes: list[Outcome] = []
    timed: list[Timed] = []
    others: list[float] = []
    for one in ready:
        with tempfile.TemporaryDirectory(prefix="tidegate-export-") as folder:
            found, versions = _exports(one, Path(folder), planned, tell)
            outcomes += found
            before = machine.busy()
            timed += _side_by_side(one, versions, Path(folder), planned, tell) if versions else []
            others.append(round(machine.other_cores(before, machine.busy(), 0.0), 3))
    sitting = Sitting(outcomes, timed, {one.kind.name: one.facts for one in ready})
    conditions = Conditions(
        **facts, command=command, rounds=planned.rounds, seconds=planned.seconds, quick=planned.quick,
        took_s=round(time.monotonic() - started, 1), others=spread(others), not_measured=NOT_MEASURED,
    )  # fmt: skip
    page = export_page.markdown(conditions, sitting)
    return Held(sitting, as_json(document(conditions, sitting)), page, svg(sitting))


def _exports(one: Made, folder: Path, planned: Plan, tell: Tell) -> tuple[list[Outcome], dict[str, Path]]:
    """Every variant; folders of those that were published, by variant."""
    outcomes: list[Outcome] = []
    versions: dict[str, Path] = {}
    for number, variant in enumerate(VARIANTS):
        epochs = QUICK_EPOCHS if planned.quick else None
        outcome, version_dir = run_export(one, variant, folder / str(number), epochs, tell)
        outcomes.append(outcome)
        if version_dir is not None:
            versions[variant.key] = version_dir
    return outcomes, versions


def _side_by_side(one: Made, versions: Mapping[str, Path], folder: Path, planned: Plan, tell: Tell) -> list[Timed]:
    """All published versions in one process. Raises: BenchmarkFailed."""
    job = folder / "job.json"
    told: dict[str, Any] = {
        "versions": {name: str(path) for name, path in versions.items()}, "data": str(one.data),
        "rows": ROWS, "rounds": planned.rounds, "seconds": planned.seconds,
    }  # fmt: skip
    job.write_text(json.dumps(told), encoding="utf-8")
    what = f"{one.kind.title}, side by side"
    ended = run_child(
        [sys.executable, "-m", "benchmarks.export_side_by_side", str(job)],
        SIDE_BY_SIDE_S, lambda line: tell(f"{what}: {line}"),
    )  # fmt: skip
    if ended.status or ended.timed_out:
        raise BenchmarkFailed(f"{what}: ended with status {ended.status}; it said:\n{ended.last_words}")
    return [Timed(one.kind.name, **entry) for entry in json.loads(ended.out)]


def document(conditions: Conditions, sitting: Sitting) -> dict[str, object]:
    """As it is written to JSON."""
    return {
        "measured": "variants of models exported by the command line: size, accuracy and what the gate said of each, "
        "and latency of all published versions of a model side by side in one process",
        **asdict(conditions),
        "goals": [{**asdict(goal), "met": goal.met} for goal in goals(sitting)],
        "models": {name: dict(facts) for name, facts in sitting.facts.items()},
        "exports": [{**asdict(outcome), "status": outcome.status.value} for outcome in sitting.outcomes],
        "side_by_side": [asdict(one) for one in sitting.timed],
    }
