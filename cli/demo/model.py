"""Train the demo's digit classifier on scikit-learn's handwritten digits; run as `python -m cli.demo.model OUT_DIR`."""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

TEST_ROWS = 360  # a fifth of the 1797 images
WANTED_ACCURACY_RATIO = 0.97
EPOCHS = 8
BATCH_ROWS = 64
WIDTHS = (32, 64)  # multiples of 16: half of each is still a width that oneDNN trains safely


@dataclass(frozen=True)
class Digits:
    """The digits, split. x_*: uint8 (rows, 8, 8, 1), values 0..16; y_*: int64 (rows,), classes 0..9."""

    x_train: npt.NDArray[np.uint8]
    y_train: npt.NDArray[np.int64]
    x_test: npt.NDArray[np.uint8]
    y_test: npt.NDArray[np.int64]


def load_digits_split(seed: int) -> Digits:
    """Split scikit-learn's 1797 digits at random, by class shares, into 1437 to train on and 360 held out."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    pixels = images.astype(np.uint8).reshape(-1, 8, 8, 1)
    x_train, x_test, y_train, y_test = train_test_split(
        pixels, labels.astype(np.int64), test_size=TEST_ROWS, random_state=seed, stratify=labels
    )
    return Digits(x_train, y_train, x_test, y_test)


def build_model() -> Any:
    """Build a small residual CNN: `pixels` uint8 (rows, 8, 8, 1), raw 0..16 -> `scores` float32 (rows, 10), softmax."""
    import keras
    from keras import layers

    def convolve(x: Any, width: int, strides: int = 1) -> Any:
        x = layers.Conv2D(width, 3, strides=strides, padding="same", use_bias=False)(x)
        return layers.BatchNormalization(momentum=0.9)(x)  # 0.99 lags behind so short a training

    pixels = keras.Input((8, 8, 1), dtype="uint8", name="pixels")
    x = layers.Rescaling(1 / 16, name="scale")(pixels)
    x = layers.ReLU()(convolve(x, WIDTHS[0]))
    for stage, width in enumerate(WIDTHS):
        if stage > 0:
            x = layers.ReLU()(convolve(x, width, strides=2))
        branch = layers.ReLU()(convolve(x, width))
        x = layers.ReLU()(layers.Add()([x, convolve(branch, width)]))
    x = layers.GlobalAveragePooling2D()(x)
    scores = layers.Dense(10, activation="softmax", name="scores")(x)
    return keras.Model(pixels, scores, name="digits")


def train(model: Any, digits: Digits, epochs: int) -> float:
    """Train in place with one line an epoch; return the accuracy ratio on the held-out images."""
    import keras

    steps = epochs * -(-len(digits.x_train) // BATCH_ROWS)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # XLA convolutions use one core and compile for seconds
    )

    def say(epoch: int, logs: dict[str, float]) -> None:
        say_line(f"  pass {epoch + 1} of {epochs}: {logs['accuracy']:.1%} of the training images right")

    progress = keras.callbacks.LambdaCallback(on_epoch_end=say)
    model.fit(digits.x_train, digits.y_train, BATCH_ROWS, epochs, verbose=0, callbacks=[progress])
    predicted = model.predict(digits.x_test, batch_size=128, verbose=0).argmax(axis=1)
    return float((predicted == digits.y_test).mean())


def say_line(text: str) -> None:
    """Print at once, so that a parent reading the pipe shows progress as it happens."""
    print(text, flush=True)


def make_demo_model(out_dir: Path, seed: int, epochs: int = EPOCHS) -> float:
    """Train, write OUT_DIR/digits.keras and OUT_DIR/digits.npz, return the held-out accuracy ratio."""
    started_s = time.monotonic()
    say_line("Loading TensorFlow and the handwritten digits (1797 real images of 8 x 8 pixels)")
    import keras

    keras.utils.set_random_seed(seed)
    digits = load_digits_split(seed)
    model = build_model()
    say_line(f"Training a residual network of {model.count_params():,} parameters on {len(digits.x_train)} images")
    accuracy_ratio = train(model, digits, epochs)
    out_dir.mkdir(parents=True, exist_ok=True)
    model.save(out_dir / "digits.keras")
    np.savez(
        out_dir / "digits.npz",
        x_train=digits.x_train,
        y_train=digits.y_train,
        x_test=digits.x_test,
        y_test=digits.y_test,
    )
    took_s = time.monotonic() - started_s
    say_line(f"Right on {accuracy_ratio:.1%} of {len(digits.y_test)} images it has never seen ({took_s:.0f} s)")
    say_line(f"Wrote {out_dir / 'digits.keras'} and {out_dir / 'digits.npz'}")
    return accuracy_ratio


def main(argv: list[str] | None = None) -> int:
    """Exit 0 when the model reaches the accuracy the demo promises, else 1."""
    parser = argparse.ArgumentParser(prog="python -m cli.demo.model", description=__doc__)
    parser.add_argument("out_dir", type=Path, help="folder for digits.keras and digits.npz")
    parser.add_argument("--seed", type=int, default=1, help="seed of the split and of the training (default 1)")
    options = parser.parse_args(argv)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    accuracy_ratio = make_demo_model(options.out_dir, options.seed)
    if accuracy_ratio < WANTED_ACCURACY_RATIO:
        print(f"accuracy {accuracy_ratio:.4f} is below the wanted {WANTED_ACCURACY_RATIO}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
