"""The gate inside an export: a sabotaged variant is never published, unless it is forced, and then that is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import export.run
from export.errors import VariantRefusedError
from export.options import ExportOptions, GateRules, Precision, Require
from export.publish import LOCK_NAME
from export.run import Exported, run_export
from export.variants import Model, Step, Variant
from tests.integration.export import models

pytestmark = pytest.mark.slow

ROWS = 300
Made = tuple[Path, Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A model, and data that it answers all right."""
    folder = tmp_path_factory.mktemp("made")
    model = models.randomised(models.sequential())
    model.save(folder / "m.keras")
    x = np.random.default_rng(1).standard_normal((ROWS, 12)).astype("float32")
    y = model.predict(x, verbose=0).argmax(axis=1)
    np.savez(folder / "data.npz", x_train=x, y_train=y, x_test=x, y_test=y)
    return folder / "m.keras", folder / "data.npz"


def slower_and_larger(model: Any) -> Any:
    """The same answers by way of useless work."""
    import keras
    from keras import layers

    x = wide = model.inputs[0]
    for number in range(6):
        wide = layers.Dense(700, name=f"useless_{number}")(wide)
    nothing = layers.Rescaling(1e-12)(layers.Dense(3, name="last")(wide))
    return keras.Model(x, layers.Add(name="scores")([model(x), nothing]))


def smaller_and_wrong(model: Any) -> Any:
    """Fewer weights, and answers of its own."""
    import keras
    from keras import layers

    x = model.inputs[0]
    return keras.Model(x, layers.Dense(3, name="scores", kernel_initializer="zeros")(x))


def sabotage(monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Any], Any]) -> None:
    """Let the bfloat16 step be something else."""
    from export.servable import servable_from_keras

    def build(base: Model, *others: object) -> Variant:
        spoiled = spoil(base.keras_model)
        step = Step("bfloat16", Model(servable_from_keras(spoiled), spoiled), Precision.BFLOAT16)
        return Variant((Step("float32", base), step), None)

    monkeypatch.setattr(export.run, "build_variant", build)


def bfloat16(made: Made, out: Path, **gate: Any) -> Exported:
    options = ExportOptions(
        model_path=made[0],
        name="m",
        out_dir=out,
        precision=Precision.BFLOAT16,
        data_path=made[1],
        max_batch_size=8,
        allowed_batch_sizes=(1, 8),
        gate=GateRules(**gate),
    )
    return run_export(options, lambda text: None)


def published(out: Path) -> list[str]:
    """All files but the lock, which stays for the next export."""
    return [path.name for path in out.rglob("*") if path.is_file() and path.name != LOCK_NAME]


def test_a_slower_variant_that_is_not_smaller_is_not_published(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch, slower_and_larger)
    with pytest.raises(VariantRefusedError, match="slower than float32") as caught:
        bfloat16(made, tmp_path / "out")
    assert published(tmp_path / "out") == []
    assert "latency, batch 8" in str(caught.value)
    steps: Any = caught.value.facts["steps"]
    assert [step["name"] for step in steps] == ["float32", "bfloat16"]


def test_a_less_accurate_variant_is_not_published_however_small(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage(monkeypatch, smaller_and_wrong)
    with pytest.raises(VariantRefusedError, match="accuracy falls by"):
        bfloat16(made, tmp_path / "out")
    assert published(tmp_path / "out") == []


def test_a_bound_wide_enough_lets_it_pass(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch, smaller_and_wrong)
    exported = bfloat16(made, tmp_path / "out", max_accuracy_drop=1.0, require=Require.SMALLER)
    verdict: Any = exported.manifest["verdict"]
    assert verdict["passed"] is True
    assert verdict["is_smaller"] is True
    assert verdict["rules"] == {"max_accuracy_drop": 1.0, "require": "smaller"}


def test_force_publishes_and_says_so(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sabotage(monkeypatch, slower_and_larger)
    exported = bfloat16(made, tmp_path / "out", is_forced=True)
    assert exported.version_dir is not None
    content = json.loads((exported.version_dir / "export.json").read_text())
    assert content["verdict"]["passed"] is False
    assert content["verdict"]["is_forced"] is True
    assert "slower than float32" in content["verdict"]["reasons"][0]
    assert "refused, published by --force" in (exported.version_dir / "report.html").read_text()
    report = json.loads((exported.version_dir / "report.json").read_text())
    assert report["verdict"] == content["verdict"]


def test_float32_is_measured_and_not_judged(made: Made, tmp_path: Path) -> None:
    options = ExportOptions(
        model_path=made[0], name="m", out_dir=tmp_path, data_path=made[1], max_batch_size=2, allowed_batch_sizes=(1, 2)
    )
    exported = run_export(options, lambda text: None)
    assert exported.manifest["verdict"] is None
    assert exported.manifest["baseline"] is None
    assert exported.manifest["accuracy"] == 1.0
    steps: Any = exported.manifest["steps"]
    assert [step["name"] for step in steps] == ["float32"]
    assert steps[0]["memory"]["called_bytes"] > 0
