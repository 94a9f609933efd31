"""Every name that pruning knows a layer by is one of Keras'."""

from __future__ import annotations

import ast
from importlib.util import find_spec
from pathlib import Path

from export.pruning import layers


def keras_classes() -> set[str]:
    """Names of all classes in Keras' sources of layers and models, read without importing it."""
    spec = find_spec("keras")
    assert spec is not None and spec.origin is not None
    sources = Path(spec.origin).parent.glob("src/layers/**/*.py")
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in sources if not path.stem.endswith("_test")]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}


def test_every_name_of_a_layer_is_that_of_a_class_in_keras() -> None:
    named = {*layers.KINDS, *layers._ATTENTION, *layers._RECURRENT, *layers._PASSED, *layers._TIED}
    assert named - keras_classes() == {"LayerScale"}  # Keras keeps it with its ConvNeXt
