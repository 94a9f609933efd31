"""Models are built again with everything their users gave them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from export.rebuild import copy_weights, rebuild

pytestmark = pytest.mark.slow


def squashed(x: Any) -> Any:
    """An activation that no registry knows."""
    import keras

    return keras.ops.tanh(x) * 0.5


def test_a_layer_with_its_users_own_function_is_built_again() -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8, activation=squashed), keras.layers.Dense(2)])
    clone = rebuild(model, lambda layer, config: config)
    copy_weights(model, clone)
    rows = np.random.default_rng(1).standard_normal((3, 4)).astype("float32")
    np.testing.assert_array_equal(np.asarray(clone(rows)), np.asarray(model(rows)))
