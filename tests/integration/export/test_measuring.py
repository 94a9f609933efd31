"""Real versions measured side by side: what is as good is said so, the sabotaged refused, the failing named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.data import Split
from export.errors import MeasureError
from export.gate import timing
from export.gate.figures import Candidate, Figures
from export.gate.judge import Speed, judge
from export.gate.measure import measure_candidates
from export.options import GateRules, Precision
from export.servable import Servable, servable_from_keras
from export.signature import Signature, TensorInfo
from export.writer import write_saved_model
from tests.integration.export import models

pytestmark = pytest.mark.slow

ROWS = 600  # more than two chunks


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("versions")


@pytest.fixture(scope="module")
def base(folders: Path) -> tuple[Candidate, Split]:
    """A float32 version, and rows of which it answers all but 60 right."""
    model = models.randomised(models.sequential())
    x = np.random.default_rng(1).standard_normal((ROWS, 12)).astype("float32")
    labels = model.predict(x, verbose=0).argmax(axis=1)
    labels[:60] = (labels[:60] + 1) % 3
    write_saved_model(servable_from_keras(model), folders / "base")
    return Candidate("float32", folders / "base", model.count_params()), Split({"features": x}, labels)


def sabotaged(folder: Path, name: str, change: Callable[[Any], Any]) -> Candidate:
    """The base's model with its scores changed."""
    servable = servable_from_keras(models.randomised(models.sequential()))
    write_saved_model(
        Servable(
            lambda inputs: {"scores": change(servable.call(inputs)["scores"])}, servable.signature, servable.resources
        ),
        folder / name,
    )
    return Candidate(name, folder / name, None)


def measured(*candidates: Candidate, split: Split | None, sizes: tuple[int, ...] = (1, 8)) -> list[Figures]:
    return measure_candidates(candidates, sizes, split, lambda text: None)


def test_a_version_beside_itself_loses_and_gains_nothing(base: tuple[Candidate, Split]) -> None:
    candidate, split = base
    first, second = measured(candidate, candidate, split=split)
    assert first.accuracy.ratio is not None
    assert first.accuracy.ratio.value == 0.9
    assert first.accuracy.rows == ROWS
    assert first.difference is None
    assert second.difference is not None
    assert (second.difference.gained, second.difference.lost) == (0, 0)
    assert second.agreement is not None
    assert second.agreement.ratio.value == 1
    assert second.agreement.way == "the same class"
    assert first.size_bytes == second.size_bytes > (candidate.version_dir / "saved_model.pb").stat().st_size
    assert 0 < first.compressed_bytes < first.size_bytes
    assert [one.rows for one in first.latencies] == [1, 8]
    assert first.latencies[0].speedup is None
    assert all(one.speedup is not None and one.rounds >= 7 for one in second.latencies)
    assert first.load.loads == second.load.loads == timing.LOADS
    assert first.throughput.rows_per_s > 0
    assert first.memory.called_bytes > 0
    assert not judge(first, second, GateRules()).passes


def test_a_slower_variant_that_is_not_smaller_is_refused(base: tuple[Candidate, Split], folders: Path) -> None:
    import tensorflow as tf

    def slow(scores: Any) -> Any:
        square = np.random.default_rng(1).standard_normal((900, 900)).astype("float32")
        wide = tf.tile(scores, [1, 300])
        for _ in range(4):  # useless, and too small to change an answer
            wide = tf.matmul(wide, tf.constant(square)) * 0.01
        return scores + wide[:, :3] * 1e-12

    candidate, split = base
    figures = measured(candidate, sabotaged(folders, "slow", slow), split=split)
    verdict = judge(figures[0], figures[1], GateRules())
    assert verdict.speed is Speed.SLOWER
    assert not verdict.is_smaller
    assert len(verdict.reasons) == 1
    assert verdict.reasons[0].startswith("slower than float32")


def test_a_variant_that_answers_other_classes_is_refused(base: tuple[Candidate, Split], folders: Path) -> None:
    import tensorflow as tf

    candidate, split = base
    figures = measured(candidate, sabotaged(folders, "rolled", lambda scores: tf.roll(scores, 1, 1)), split=split)
    assert figures[1].difference is not None
    assert figures[1].difference.lost == 540
    assert figures[1].difference.gained in range(61)
    verdict = judge(figures[0], figures[1], GateRules())
    assert "accuracy falls by" in verdict.reasons[0]


def test_a_broken_variant_is_refused_without_any_data(base: tuple[Candidate, Split], folders: Path) -> None:
    candidate, _ = base
    figures = measured(candidate, sabotaged(folders, "constant", lambda scores: scores * 0 + 1), split=None)
    assert judge(figures[0], figures[1], GateRules()).reasons[0].endswith("--data shows what it does with your rows")


def test_labels_of_another_model_do_not_hide_a_broken_variant(base: tuple[Candidate, Split], folders: Path) -> None:
    import tensorflow as tf

    candidate, split = base
    assert split.labels is not None
    model = models.randomised(models.sequential())
    answers = model.predict(split.inputs["features"], verbose=0).argmax(axis=1)
    wrong = Split(split.inputs, (answers + 1) % 3)
    broken = sabotaged(folders, "rolled-back", lambda scores: tf.roll(scores, -1, 1))  # never the next class
    figures = measured(candidate, broken, split=wrong)
    assert figures[1].difference is not None
    assert figures[0].accuracy.ratio is not None
    assert figures[0].accuracy.ratio.value == figures[1].difference.ratio.value == 0  # by accuracy nothing is lost
    verdict = judge(figures[0], figures[1], GateRules())
    assert verdict.drop_of == "agreement"
    assert "answered otherwise than by float32" in verdict.reasons[0]


def rating(folder: Path, name: str, change: Callable[[Any], Any]) -> Candidate:
    """A version that answers one number a row, above a half always: the sum of its inputs around 100."""
    import tensorflow as tf

    signature = Signature({"x": TensorInfo("float32", (None, 4))}, {"stars": TensorInfo("float32", (None,))})
    servable = Servable(
        lambda inputs: {"stars": change(100 + tf.reduce_sum(inputs["x"], axis=1))}, signature, lambda concrete: []
    )
    write_saved_model(servable, folder / name)
    return Candidate(name, folder / name, None)


@pytest.mark.parametrize("labels", [[1, 2, 3, 4, 5], [0, 1, 1, 0, 1]])
def test_one_number_for_all_rows_is_not_taken_for_a_rating(folders: Path, labels: list[int]) -> None:
    name = f"{labels[0]}"
    sound = rating(folders, f"float32-{name}", lambda stars: stars)
    broken = rating(folders, f"constant-{name}", lambda stars: stars * 0 + 100)
    x = np.random.default_rng(3).standard_normal((100, 4)).astype("float32")
    figures = measured(sound, broken, split=Split({"x": x}, np.array(labels * 20)))
    assert figures[1].difference is not None
    assert figures[1].difference.ratio.value == 0  # read as two classes, nothing is lost
    verdict = judge(figures[0], figures[1], GateRules())
    assert verdict.drop_of == "agreement"
    assert "answered otherwise than by float32" in verdict.reasons[0]
    again = measured(sound, sound, split=Split({"x": x}, np.array(labels * 20)))
    drop = judge(again[0], again[1], GateRules()).accuracy_drop
    assert drop is not None
    assert drop.value == 0


def test_a_variant_that_answers_nan_is_refused(base: tuple[Candidate, Split], folders: Path) -> None:
    candidate, split = base
    import tensorflow as tf

    wrong = sabotaged(folders, "nan", lambda scores: tf.where(scores[:, :1] > 0.5, float("nan"), scores))
    figures = measured(candidate, wrong, split=split)
    expected = figures[1].broken_rows
    assert 0 < expected < ROWS
    assert (
        f"{expected} of {ROWS} rows answered with NaN or infinity" in judge(figures[0], figures[1], GateRules()).reasons
    )


def test_without_labels_scores_are_held_against_float32s(base: tuple[Candidate, Split], folders: Path) -> None:
    candidate, split = base
    near = sabotaged(folders, "near", lambda scores: scores + 1e-3)
    figures = measured(candidate, near, split=Split(split.inputs, None))
    assert figures[0].accuracy.ratio is None
    assert figures[0].accuracy.reason == "the data has no y_test"
    assert figures[1].agreement is not None
    assert figures[1].agreement.ratio.value == 1
    assert figures[1].agreement.way == "every number within 5% of the output's range"
    assert figures[1].agreement.is_held_out


def test_several_outputs_are_held_against_float32s(folders: Path) -> None:
    servable = servable_from_keras(models.randomised(models.two_inputs()))
    write_saved_model(servable, folders / "two")
    bent = Servable(
        lambda inputs: {**servable.call(inputs), "segment": -servable.call(inputs)["segment"]},
        servable.signature,
        servable.resources,
    )
    write_saved_model(bent, folders / "two-bent")
    rng = np.random.default_rng(2)
    inputs = {"age": rng.random((40, 1), "float32"), "income": rng.random((40, 4), "float32")}
    split = Split(inputs, np.zeros(40, np.int64))
    names = [Candidate("float32", folders / "two", None), Candidate("bent", folders / "two-bent", None)]
    figures = measured(*names, split=split)
    assert figures[0].accuracy.reason == "accuracy needs one output of shape (rows, classes) or (rows,)"
    verdict = judge(figures[0], figures[1], GateRules())
    assert verdict.drop_of == "agreement"
    assert "answered otherwise than by float32" in verdict.reasons[0]


def test_without_data_rows_are_made_and_accuracy_is_not_judged(base: tuple[Candidate, Split]) -> None:
    candidate, _ = base
    figures = measured(candidate, candidate, split=None)
    assert figures[1].agreement is not None
    assert not figures[1].agreement.is_held_out
    assert judge(figures[0], figures[1], GateRules()).accuracy_drop is None


def test_a_tflite_version_is_measured_in_its_own_runtime(base: tuple[Candidate, Split], folders: Path) -> None:
    from export.quantize.write import write_quantized

    candidate, split = base
    servable = servable_from_keras(models.randomised(models.sequential()))
    write_quantized(Precision.TFLITE_FLOAT16, servable, candidate.version_dir, folders / "lite", None)
    figures = measured(candidate, Candidate("tflite-float16", folders / "lite", None), split=split)
    assert figures[1].size_bytes == (folders / "lite" / "model.tflite").stat().st_size
    assert figures[1].difference is not None
    assert abs(figures[1].difference.ratio.value) < 0.01
    assert figures[1].throughput.callers == len(os.sched_getaffinity(0))


def test_texts_are_measured_with_the_users_rows(folders: Path) -> None:
    import tensorflow as tf

    signature = Signature({"word": TensorInfo("string", (None,))}, {"size": TensorInfo("float32", (None,))})
    write_saved_model(
        Servable(
            lambda inputs: {"size": tf.strings.to_number(inputs["word"]) * 2}, signature, lambda concrete: []
        ),
        folders / "texts",
    )  # fmt: skip
    words = np.array([b"1.5", b"2", b"3"] * 5, object)
    [figures] = measured(Candidate("float32", folders / "texts", None), split=Split({"word": words}, None))
    assert figures.checked_rows == 15


def test_a_version_that_fails_on_the_users_rows_is_named(folders: Path) -> None:
    import tensorflow as tf

    signature = Signature({"word": TensorInfo("string", (None,))}, {"size": TensorInfo("float32", (None,))})
    write_saved_model(
        Servable(lambda inputs: {"size": tf.strings.to_number(inputs["word"])}, signature, lambda concrete: []),
        folders / "picky",
    )
    words = np.array([b"1", b"two"], object)
    with pytest.raises(MeasureError, match=r"picky failed while it was measured: .*two"):
        measured(Candidate("picky", folders / "picky", None), split=Split({"word": words}, None))
