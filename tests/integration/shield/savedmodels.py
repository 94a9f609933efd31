"""Writes the SavedModels of these tests, in a process of its own: `python -m tests.integration.shield.savedmodels DIR`.

`conv`: a convolution over float32 or (signature `bytes`) uint8 images, which a wrong rank aborts; `free` takes images
of any size. `mixed`: several inputs and outputs, strings among them; its signature `scaled` has an input without rows,
`picky` fails a batch that has a value of 1000 or more in it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

IMAGE = (8, 8, 3)
KERNEL = tf.random.stateless_normal([3, 3, 3, 4], seed=[4, 2])


def scores(pixels: Any) -> dict[str, Any]:
    features = tf.nn.conv2d(tf.cast(pixels, tf.float32), KERNEL, 1, "SAME")
    return {"scores": tf.nn.softmax(tf.reduce_mean(features, [1, 2]))}


def mixed(text: Any, a: Any, b: Any) -> dict[str, Any]:
    """Each output is of one row: of one input, or of two of them."""
    return {
        "loud": tf.strings.upper(text),
        "length": tf.strings.length(text),
        "half": a / 2.0,
        "total": tf.reduce_sum(b, axis=1),
        "both": tf.cast(tf.strings.length(text), tf.int64) + b[:, 0],
    }


def scaled(x: Any, factor: Any) -> dict[str, Any]:
    return {"y": x * factor}


def picky(x: Any) -> dict[str, Any]:
    with tf.control_dependencies([tf.debugging.assert_less(x, 1000.0, message="a poisoned row")]):
        return {"y": x / 2.0 + 1.0}


def save(path: Path, **signatures: tuple[Any, ...]) -> None:
    """One version; a signature is (function, the specs of its arguments...)."""
    module = tf.Module()
    functions = {name: tf.function(serve, input_signature=specs) for name, (serve, *specs) in signatures.items()}
    module.functions = functions
    tf.saved_model.save(module, str(path), signatures=functions)


def main(root: Path) -> None:
    save(
        root / "conv/1",
        serving_default=(scores, tf.TensorSpec([None, *IMAGE], tf.float32, name="pixels")),
        free=(scores, tf.TensorSpec([None, None, None, 3], tf.float32, name="pixels")),
        bytes=(scores, tf.TensorSpec([None, *IMAGE], tf.uint8, name="pixels")),
    )
    save(
        root / "mixed/1",
        serving_default=(
            mixed,
            tf.TensorSpec([None], tf.string, name="text"),
            tf.TensorSpec([None, None], tf.float32, name="a"),
            tf.TensorSpec([None, 2], tf.int64, name="b"),
        ),
        picky=(picky, tf.TensorSpec([None, 2], tf.float32, name="x")),
        scaled=(scaled, tf.TensorSpec([None, 4], tf.float32, name="x"), tf.TensorSpec([], tf.float32, name="factor")),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
