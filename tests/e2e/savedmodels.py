"""Writes the SavedModels of these tests, in a process of its own: `python -m tests.e2e.savedmodels FOLDER`.

`half`: versions 1, 2 and 3 answer y = x / 2 + version, rows independent; 4 is half-written (no model in it); 5 is
corrupt; 6 fails every call by a server's fault (damaged data), 7 by an assertion; 8 calls its input z. `conv`: a
convolution over uint8 images, which a wrong rank would abort. `slow`: as half, after some seconds of work.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf

FEATURES = 2
SLOW_ROUNDS = 150_000


def save(path: Path, serve: Callable[[Any], dict[str, Any]], spec: tf.TensorSpec) -> None:
    """One version with the signature serving_default."""
    module = tf.Module()
    module.serve = tf.function(serve, input_signature=[spec])
    tf.saved_model.save(module, str(path), signatures={"serving_default": module.serve})


def rows(name: str) -> tf.TensorSpec:
    return tf.TensorSpec([None, FEATURES], tf.float32, name=name)


def half(version: int) -> Callable[[Any], dict[str, Any]]:
    return lambda x: {"y": x / 2.0 + float(version)}


def spoilt(x: Any) -> dict[str, Any]:
    """What the graph unpacks is damaged, as a truncated vocabulary would be."""
    unpacked = tf.io.decode_compressed(tf.strings.as_string(x), compression_type="ZLIB")
    return {"y": x + tf.cast(tf.strings.length(unpacked), tf.float32)}


def asserting(x: Any) -> dict[str, Any]:
    with tf.control_dependencies([tf.debugging.assert_greater(x, 1e30, message="this version takes nothing")]):
        return {"y": tf.identity(x)}


def slow(x: Any) -> dict[str, Any]:
    """The loop's result matters for the answer, or the graph's optimizer would drop it."""
    total = tf.while_loop(lambda i, _: i < SLOW_ROUNDS, lambda i, t: (i + 1, tf.sin(t)), (0, tf.zeros([])))[1]
    return {"y": x / 2.0 + 1.0 + total}


def convolve(pixels: Any) -> dict[str, Any]:
    features = tf.nn.conv2d(tf.cast(pixels, tf.float32), tf.ones([3, 3, 1, 10]), 1, "SAME")
    return {"scores": tf.nn.softmax(tf.reduce_mean(features, [1, 2]))}


def main(root: Path) -> None:
    for version in (1, 2, 3):
        save(root / "half" / str(version), half(version), rows("x"))
    (root / "half/4").mkdir()
    (root / "half/5").mkdir()
    (root / "half/5/saved_model.pb").write_bytes(b"these bytes are no model")
    save(root / "half/6", spoilt, rows("x"))
    save(root / "half/7", asserting, rows("x"))
    save(root / "half/8", lambda z: {"y": z / 2.0 + 8.0}, rows("z"))
    save(root / "conv/1", convolve, tf.TensorSpec([None, 8, 8, 1], tf.uint8, name="pixels"))
    save(root / "slow/1", slow, rows("x"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
