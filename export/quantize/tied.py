"""Tie a model's inputs to the rows of one of them, so that TensorFlow Serving can change the batch of a TFLite model.

TensorFlow Serving resizes inputs one at a time and lays the tensors out after each. In between, inputs differ in rows,
and a Concatenate or an Add between them refuses: every call with another number of rows than the one before fails.
Here every further input is gathered at the rows 0 to n-1 of the first: its shape then follows the first's at once,
while its values stay what they are (the difference is 0.0).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from export.servable import Servable


def tied(servable: Servable) -> Servable:
    """Return a servable whose inputs all take the rows of the first; the same one when there is a single input."""
    first, *others = sorted(servable.signature.inputs)
    if not others:
        return servable

    def call(inputs: Mapping[str, Any]) -> dict[str, Any]:
        import tensorflow as tf

        rows = tf.range(tf.shape(inputs[first])[0])
        return servable.call({first: inputs[first], **{alias: tf.gather(inputs[alias], rows) for alias in others}})

    return Servable(call, servable.signature, servable.resources)
