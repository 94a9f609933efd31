"""The demo's model keeps its contract: raw pixels in, scores out, right on images it has never seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from cli.demo.model import WANTED_ACCURACY_RATIO, make_demo_model
from export.data import load_data
from export.pruning.graph import build_graph
from export.pruning.groups import prunable_groups
from export.servable import servable_from_keras
from export.signature import Signature, TensorInfo

pytestmark = pytest.mark.slow


def test_the_demo_model_learns_and_keeps_its_contract(tmp_path: Path) -> None:
    import keras

    assert make_demo_model(tmp_path, seed=1, epochs=4) >= WANTED_ACCURACY_RATIO
    model = keras.models.load_model(tmp_path / "digits.keras")
    signature = servable_from_keras(model).signature
    assert signature == Signature(
        {"pixels": TensorInfo("uint8", (None, 8, 8, 1))}, {"scores": TensorInfo("float32", (None, 10))}
    )
    data = load_data(tmp_path / "digits.npz", signature)
    assert data.train.labels is not None and data.test.labels is not None
    assert len(data.train.labels) == 1437 and len(data.test.labels) == 360
    assert data.test.inputs["pixels"].max() == 16
    scores = model.predict(data.test.inputs["pixels"], verbose=0)
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-5)
    assert all(group.keep % 16 == 0 for group in prunable_groups(build_graph(model), 0.5))
