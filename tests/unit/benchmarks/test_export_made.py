"""Models of the export sitting are trained once for the code that makes them."""

from __future__ import annotations

from pathlib import Path

from benchmarks.export_made import QUICK_EPOCHS, code_hash, made
from benchmarks.export_models import KINDS
from benchmarks.export_train import FACTS_FILE


def test_what_was_trained_before_by_the_same_code_is_taken_as_it_is(tmp_path: Path) -> None:
    kind, told = KINDS["wave_cnn"], list[str]()
    place = tmp_path / f"wave_cnn-{kind.epochs}-{code_hash()}"
    place.mkdir()
    (place / FACTS_FILE).write_text('{"parameters": 7}', encoding="utf-8")
    [found] = made(["wave_cnn"], fresh=False, quick=False, tell=told.append, folder=tmp_path)
    assert (found.kind, found.model.parent, found.facts) == (kind, place, {"parameters": 7})
    assert told == ["1-D CNN: trained before"]


def test_a_trial_never_takes_the_place_of_a_whole_training() -> None:
    assert all(kind.epochs > QUICK_EPOCHS for kind in KINDS.values())


def test_the_hash_is_the_same_for_the_same_code() -> None:
    assert code_hash() == code_hash()
    assert len(code_hash()) == 16
