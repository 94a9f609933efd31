"""What came of an export, read off the command's end and words; and its figures off what the gate wrote."""

from __future__ import annotations

import json
from typing import Any

import pytest

from benchmarks.errors import BenchmarkFailed
from benchmarks.export_child import Ended
from benchmarks.export_outcome import Status
from benchmarks.export_read import figures_of, verdict_words
from benchmarks.export_run import read_outcome


def step(size_bytes: int, us: float) -> dict[str, Any]:
    """One version, as the gate writes it; what isn't read left out."""
    return {
        "name": "float32",
        "parameters": 1000,
        "size_bytes": size_bytes,
        "compressed_bytes": size_bytes - 10,
        "load": {"median_us": 120_000.0},
        "memory": {"loaded_bytes": 1, "called_bytes": 2_000_000, "rows": 32},
        "latency": {"batch_1": {"median_us": us}, "batch_32": {"median_us": us * 30}},
        "accuracy": {"ratio": {"value": 0.99, "low": 0.98, "high": 0.995}, "rows": 1047, "reason": None},
    }


CONTENT: dict[str, Any] = {
    "verdict": {"headline": "passed: faster and smaller"},
    "steps": [step(4000, 200.0), step(1000, 100.0)],
    "version_dir": "/somewhere/out/model/1",
}
REFUSED = {
    "error": "VariantRefusedError",
    "refused": {**CONTENT, "verdict": {"headline": "refused: it is slower", "reasons": ["slower at 1", "and at 32"]}},
}
UNSUPPORTED = {"error": "UnsupportedVariantError"}


def ended(status: int, out: object = "", errors: tuple[str, ...] = (), timed_out: bool = False) -> Ended:
    return Ended(status, timed_out, out if isinstance(out, str) else json.dumps(out, indent=2), errors)


def test_a_published_version_has_its_figures_and_those_of_float32() -> None:
    outcome, folder = read_outcome("wave_cnn", "int8", ended(0, CONTENT), 12.5)
    assert (outcome.status, outcome.reason, outcome.seconds) == (Status.PUBLISHED, None, 12.5)
    assert outcome.verdict == "passed: faster and smaller"
    assert str(folder) == "/somewhere/out/model/1"
    assert outcome.figures is not None
    assert outcome.baseline is not None
    assert (outcome.figures.size_bytes, outcome.baseline.size_bytes) == (1000, 4000)
    assert (outcome.figures.latency_us, outcome.figures.load_s) == ({1: 100.0, 32: 3000.0}, 0.12)
    assert (outcome.figures.accuracy, outcome.figures.accuracy_low, outcome.figures.memory_bytes) == (
        0.99,
        0.98,
        2_000_000,
    )


def test_float32_alone_has_no_baseline_and_no_verdict() -> None:
    content = {**CONTENT, "verdict": None, "steps": CONTENT["steps"][:1]}
    outcome, _ = read_outcome("wave_cnn", "float32", ended(0, content), 1)
    assert (outcome.baseline, outcome.verdict) == (None, None)


def test_a_refusal_by_the_gate_has_its_reason_and_its_numbers_and_no_folder() -> None:
    said = ("Measuring", "error: int8: refused", "  it is slower at every size")
    outcome, folder = read_outcome("wave_cnn", "int8", ended(2, REFUSED, said), 1)
    assert (outcome.status, folder) == (Status.REFUSED, None)
    assert outcome.reason == "slower at 1; and at 32"
    assert outcome.figures is not None
    assert outcome.verdict == "refused: it is slower"


def test_what_a_model_has_no_way_to_is_unsupported_in_the_exporters_words_without_folders() -> None:
    said = ("Loading", "error: /tmp/some/place/model.keras: --prune: nothing can be cut")
    outcome, _ = read_outcome("wave_gru", "structured:0.5", ended(2, UNSUPPORTED, said), 1)
    assert outcome.status is Status.UNSUPPORTED
    assert outcome.reason == "model.keras: --prune: nothing can be cut"
    assert outcome.figures is None


@pytest.mark.parametrize("status", [1, -6, -11, 137])
def test_a_crash_is_a_failure_and_neither_a_refusal_nor_unsupported(status: int) -> None:
    outcome, folder = read_outcome("wave_cnn", "int8", ended(status, "", ("free(): invalid pointer",)), 1)
    assert (outcome.status, folder) == (Status.FAILED, None)
    assert outcome.reason == f"the exporter ended with status {status}: free(): invalid pointer"


def test_an_export_that_took_too_long_failed() -> None:
    outcome, _ = read_outcome("wave_cnn", "int8", ended(-9, "", ("Measuring",), timed_out=True), 300)
    assert (outcome.status, outcome.reason) == (Status.FAILED, "not done after 300 s")


@pytest.mark.parametrize("error", ["MeasureError", "DiskError", "FineTuneError"])
def test_any_other_error_is_a_failure_for_it_tells_nothing_of_the_model(error: str) -> None:
    outcome, _ = read_outcome("wave_cnn", "int8", ended(2, {"error": error}, ("error: the disk is full",)), 1)
    assert (outcome.status, outcome.reason) == (Status.FAILED, "the disk is full")


def test_an_answer_that_is_no_json_is_told_with_what_the_exporter_said() -> None:
    with pytest.raises(BenchmarkFailed, match=r"wave_cnn, int8: --json printed no JSON [\s\S]*Usage: export"):
        read_outcome("wave_cnn", "int8", ended(2, "", ("Usage: export",)), 1)


def test_unknown_accuracy_stays_unknown() -> None:
    content = {**CONTENT, "steps": [{**step(1, 1), "accuracy": {"ratio": None, "rows": 0, "reason": "no --data"}}]}
    assert figures_of(content)[0].accuracy is None


def test_a_changed_format_is_told_and_not_guessed() -> None:
    with pytest.raises(BenchmarkFailed, match="steps is missing"):
        figures_of({"verdict": None})
    with pytest.raises(BenchmarkFailed, match="verdict is missing"):
        verdict_words({})
    with pytest.raises(BenchmarkFailed, match="compressed_bytes is missing"):
        figures_of({"steps": [{key: value for key, value in step(1, 1).items() if key != "compressed_bytes"}]})
