"""Writes a measured model, an MLP as SavedModel: `python -m benchmarks.make_model FOLDER FEATURES`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

HIDDEN, OUTPUTS = 128, 10
NARROW = 1024  # features above which there is the hidden layer is narrow, so that the weights stay small


def write(folder: Path, features: int) -> None:
    """`folder`/1: x float32 (rows, features) to y float32 (rows, 10); weights from a fixed seed."""
    import tensorflow as tf

    generator = tf.random.Generator.from_seed(7)
    module: Any = tf.Module()
    hidden = HIDDEN if features <= NARROW else OUTPUTS
    module.inner = tf.Variable(generator.normal((features, hidden), stddev=0.1))
    module.outer = tf.Variable(generator.normal((hidden, OUTPUTS), stddev=0.1))

    @tf.function(input_signature=[tf.TensorSpec((None, features), tf.float32, name="x")])  # type: ignore[untyped-decorator] # TensorFlow has no types
    def serve(x: Any) -> dict[str, Any]:
        return {"y": tf.nn.softmax(tf.nn.relu(x @ module.inner) @ module.outer)}

    module.serve = serve
    tf.saved_model.save(module, str(folder / "1"), signatures={"serving_default": module.serve})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("features", type=int)
    write(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
