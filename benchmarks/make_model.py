"""Writes the measured model, an MLP 64-128-10 as SavedModel: `python -m benchmarks.make_model FOLDER`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from benchmarks.calls import FEATURES


def write(folder: Path) -> None:
    """`folder`/1: x float32 (rows, 64) to y float32 (rows, 10); weights from a fixed seed."""
    import tensorflow as tf

    generator = tf.random.Generator.from_seed(7)
    module: Any = tf.Module()
    module.inner = tf.Variable(generator.normal((FEATURES, 128), stddev=0.1))
    module.outer = tf.Variable(generator.normal((128, 10), stddev=0.1))

    @tf.function(input_signature=[tf.TensorSpec((None, FEATURES), tf.float32, name="x")])  # type: ignore[untyped-decorator] # TensorFlow has no types
    def serve(x: Any) -> dict[str, Any]:
        return {"y": tf.nn.softmax(tf.nn.relu(x @ module.inner) @ module.outer)}

    module.serve = serve
    tf.saved_model.save(module, str(folder / "1"), signatures={"serving_default": module.serve})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
