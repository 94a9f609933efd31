"""A pruned export from end to end, and the sources that can't be pruned."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.errors import UnsupportedVariantError
from export.options import ExportOptions, PruneSpec
from export.run import run_export
from tests.integration.export import models

pytestmark = pytest.mark.slow


def test_a_saved_model_cannot_be_pruned_and_says_what_can(tmp_path: Path) -> None:
    models.sequential().export(tmp_path / "saved", verbose=False)
    data = models.save_data(tmp_path / "d.npz", 8, (12,), 3)
    with pytest.raises(UnsupportedVariantError, match=r"--prune structured:0.5 need the Keras model \(.keras or .h5\)"):
        run_export(
            ExportOptions(tmp_path / "saved", "m", tmp_path / "out", prune=PruneSpec(0.5), data_path=data), print
        )
    assert not (tmp_path / "out").exists()


def test_a_pruned_model_is_fine_tuned_measured_and_published(tmp_path: Path) -> None:
    model = models.sequential()
    model.save(tmp_path / "m.keras")
    rng = np.random.default_rng(1)
    x = rng.standard_normal((1600, 12)).astype("float32")
    y = x[:, :3].argmax(axis=1)  # the untrained source guesses; what was fine-tuned has learnt
    np.savez(tmp_path / "d.npz", x_train=x[:1400], y_train=y[:1400], x_test=x[1400:], y_test=y[1400:])
    told: list[str] = []
    exported = run_export(
        ExportOptions(
            tmp_path / "m.keras", "m", tmp_path / "out", prune=PruneSpec(0.5), data_path=tmp_path / "d.npz",
            fine_tune_epochs=15,
        ),
        told.append,
    )  # fmt: skip
    content: Any = exported.manifest
    assert content["variant"]["prune"] == "structured:0.5"
    assert content["parameters"] == 12 * 16 + 16 + 16 * 3 + 3
    assert content["pruning"]["groups"][0]["width_after"] == 16
    assert sum("fine-tuning, pass" in line for line in told) == 15
