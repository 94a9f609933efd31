"""Writes the models of the equality check as SavedModels: `python -m benchmarks.equal_models FOLDER`.

All but the MLP only move, compare, or compute what is exact, so that a batch's size can't change a bit.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import make_model
from benchmarks.equal_spec import MODELS, Model

Serve = Callable[..., dict[str, Any]]


def words(number: Any, count: Any, text: Any) -> dict[str, Any]:
    """Whole numbers and strings; sums wrap around."""
    import tensorflow as tf

    return {
        "sum": tf.reduce_sum(number, axis=1),
        "doubled": count * 2 + 1,
        "joined": tf.strings.join([text[:, 0], text[:, 1]], separator="-"),
        "length": tf.strings.length(text),
    }


def halves(b: Any, h: Any) -> dict[str, Any]:
    """Doubling only moves the exponent."""
    import tensorflow as tf

    return {"doubled": b + b, "reversed": tf.reverse(h, [1])}


def many(c: Any, d: Any, f: Any, i: Any, q: Any, t: Any, u: Any) -> dict[str, Any]:
    """Values moved within their row, whatever they are: NaN payloads stay."""
    import tensorflow as tf

    return {
        "c": tf.identity(c),
        "d": tf.reverse(d, [1]),
        "f": tf.transpose(f, [0, 2, 1]),
        "i": tf.reverse(i, [1]),
        "q": tf.identity(q),
        "t": tf.logical_not(t),
        "u": tf.concat([u, u], axis=1),
    }


SERVED: dict[str, Serve] = {"words": words, "halves": halves, "many": many}


def write(folder: Path, model: Model) -> None:
    """`folder`/1."""
    import tensorflow as tf

    signature = [
        tf.TensorSpec((None, *given.shape), tf.as_dtype(given.dtype.number), name=given.name) for given in model.inputs
    ]
    module: Any = tf.Module()
    module.serve = tf.function(SERVED[model.name], input_signature=signature)
    tf.saved_model.save(module, str(folder / "1"), signatures={"serving_default": module.serve})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for model in MODELS:
        if model.name in SERVED:
            write(folder / model.name, model)
        else:
            make_model.write(folder / model.name, model.inputs[0].shape[0])


if __name__ == "__main__":
    main()
