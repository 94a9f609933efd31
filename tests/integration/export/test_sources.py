"""Models that come with the user's code: made by a function, or of layers that a module defines."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import pytest

from export.errors import BadModelFileError
from export.options import Precision
from export.servable import servable_from_keras
from export.source import load_source
from export.verify import verify_saved_model
from export.writer import write_saved_model

pytestmark = pytest.mark.slow

NETS = """
import keras

class Doubling(keras.layers.Layer):
    def call(self, x):
        return 2 * x

def soft(x):
    return keras.ops.tanh(x)

def make():
    return keras.Sequential([keras.Input((3,), name="x"), Doubling(), keras.layers.Dense(2, name="y", activation=soft)])

def with_size(size): ...
def nothing(): ...
def broken(): raise RuntimeError("no such weights")
def unbuilt(): return keras.Sequential([keras.layers.Dense(2)])
constant = 3
"""


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the user's module, as the current one; it is forgotten afterwards."""
    (tmp_path / "tidegate_nets.py").write_text(NETS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "tidegate_nets", raising=False)
    return tmp_path


def test_a_function_makes_the_model(folder: Path) -> None:
    source = load_source(Path("tidegate_nets:make"), trust_model_code=True)
    assert source.sha256 == hashlib.sha256(NETS.encode()).hexdigest() and source.parameters == 8
    servable = servable_from_keras(source.keras_model)
    write_saved_model(servable, folder / "1")
    verify_saved_model(folder / "1", servable, Precision.FLOAT32, None)


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("mak", "has no function 'mak'; did you mean 'make'?"),
        ("constant", "has no callable 'constant'"),
        ("with_size", r"with_size\(\) needs arguments \(size\)"),
        ("nothing", r"returned builtins.NoneType; wanted a Keras 3 model"),
        ("broken", r"broken\(\) raised RuntimeError: no such weights"),
        ("unbuilt", "inputs aren't known .* Begin a Sequential with keras.Input"),
    ],
)
def test_a_function_that_makes_no_model_is_refused_with_the_reason(function: str, said: str, folder: Path) -> None:
    assert folder == Path.cwd()
    with pytest.raises(BadModelFileError, match=said):
        load_source(Path(f"tidegate_nets:{function}"), trust_model_code=True)


def test_own_layers_are_named_with_the_remedy_and_the_remedy_works(folder: Path) -> None:
    paths = [folder / "m.keras", folder / "m.h5"]
    made = load_source(Path("tidegate_nets:make"), trust_model_code=True).keras_model
    for path in paths:
        made.save(path)
    del sys.modules["tidegate_nets"]
    for path, kind in zip(paths, ("class", "layer"), strict=True):
        with pytest.raises(BadModelFileError, match=f"its {kind} 'Doubling' is not part of Keras.* pass --import "):
            load_source(path, trust_model_code=False)
    for path in paths:
        model = load_source(path, trust_model_code=True, import_modules=["tidegate_nets"]).keras_model
        assert type(model.layers[0]).__name__ == "Doubling"
        x = np.ones((1, 3), "float32")
        dense = model.layers[1]
        np.testing.assert_allclose(model(x), np.tanh(2 * x @ np.asarray(dense.kernel)), rtol=1e-5)
