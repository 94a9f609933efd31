"""A small invented sitting of exports, for tests of what is judged and written about one."""

from __future__ import annotations

from benchmarks.export_conditions import Conditions
from benchmarks.export_models import RESIDUAL_CNN
from benchmarks.export_outcome import Figures, Outcome, Sitting, Status, Timed
from benchmarks.export_variants import FLOAT32, PRUNED, PRUNED_INT8
from benchmarks.samples import Spread

BASE = Figures(4_000_000, 3_600_000, 1_000_000, 0.99, 0.98, 0.995, 0.12, 50_000_000, {1: 2000.0, 32: 80_000.0})
PRUNED_FIGURES = Figures(1_000_000, 900_000, 250_000, 0.985, 0.975, 0.99, 0.1, 20_000_000, {1: 1000.0, 32: 25_000.0})
INT8_FIGURES = Figures(250_000, 200_000, 250_000, 0.985, 0.975, 0.99, 0.01, 5_000_000, {1: 250.0, 32: 9000.0})
SLOW_FIGURES = Figures(1_100_000, 800_000, None, 0.98, 0.97, 0.99, 0.2, 70_000_000, {1: 4000.0, 32: 160_000.0})
CONDITIONS = Conditions(
    command="python -m benchmarks export",
    started="2026-01-02T03:04:05+00:00",
    machine={"processor": "Abacus", "cores": 2, "memory_gib": 4.0, "system": "Linux 6"},
    versions={"python": "3.11.7", "tensorflow": "2.21.0"},
    source={"commit": "c0ffee", "changed_since": False, "source_sha256": "5eed"},
    busy_before=0.25,
    rounds=3,
    seconds=2.0,
    quick=False,
    took_s=600.0,
    others=Spread(0.05, 0.0, 0.1),
    not_measured=["a GPU"],
)


def published(variant: str, figures: Figures, baseline: Figures | None = BASE) -> Outcome:
    """Of the residual CNN."""
    return Outcome(RESIDUAL_CNN, variant, Status.PUBLISHED, 10.0, None, figures, baseline, "passed")


def timed(variant: str, us: float) -> list[Timed]:
    """Three rounds of calls of 1 row and of 32: as told, a tenth less, a tenth more."""
    return [
        Timed(RESIDUAL_CNN, variant, rows, number, us * share)
        for rows in (1, 32)
        for number, share in ((1, 1.0), (2, 0.9), (3, 1.1))
    ]


def sitting() -> Sitting:
    """float32, pruned 3.2 times faster, pruned int8 8.9 times, int8 refused, tflite-dynamic not possible."""
    outcomes = [
        published(FLOAT32, BASE, None),
        Outcome(RESIDUAL_CNN, "int8", Status.REFUSED, 9.0, "it is slower", SLOW_FIGURES, BASE, "refused: slower"),
        Outcome(RESIDUAL_CNN, "tflite-dynamic", Status.UNSUPPORTED, 3.0, "it has no such layer"),
        published(PRUNED, PRUNED_FIGURES),
        published(PRUNED_INT8, INT8_FIGURES),
    ]
    times = [*timed(FLOAT32, 80_000), *timed(PRUNED, 25_000), *timed(PRUNED_INT8, 9000)]
    facts: dict[str, int | float | str] = {"parameters": 1_000_000, "epochs": 5, "data": "some rows"}
    return Sitting(outcomes, times, {RESIDUAL_CNN: facts})
