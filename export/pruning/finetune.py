"""The child process that fine-tunes a pruned model: reads a job folder, prints one JSON line a pass, saves the weights.

It lives in a process of its own because training has been seen to corrupt the heap inside oneDNN; then the parent
says so instead of dying. It ends by itself when its parent does: the parent's end of stdin closes.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from export.errors import ExportError
from export.pruning.job import (
    Job,
    accuracy_for,
    end_with_parent,
    fed,
    loss_for,
    plain_model,
    read_model,
    read_rows,
    tell,
)

WEIGHTS_FILE = "tuned.weights.h5"
BATCH_ROWS = 32  # small data sets need the steps: 64 recovered less in as many passes
LEARNING_RATE = 3e-3
WARM_SHARE = 0.1  # of the steps, over which the learning rate rises: the cut weights' first gradients are large
VALIDATION_SHARE = 0.1
MIN_VALIDATION_ROWS = 20  # fewer tell nothing: then the last pass is kept
MAX_VALIDATION_ROWS = 10_000  # more tell no more
# Statistics of BatchNormalization must follow the cut model within a few epochs; Keras' 0.99 is for long trainings.
MAX_MOMENTUM = 0.9
_BEAT_S = 5.0

Indices = npt.NDArray[np.int64]


def split_rows(rows: int, seed: int) -> tuple[Indices, Indices]:
    """Draw which training rows are trained on and which judge the passes; none of the latter where too few."""
    held_back = min(int(rows * VALIDATION_SHARE), MAX_VALIDATION_ROWS)
    if held_back < MIN_VALIDATION_ROWS:
        held_back = 0
    order = np.random.default_rng(seed).permutation(rows).astype(np.int64)
    return np.sort(order[held_back:]), np.sort(order[:held_back])


def fine_tune(model: Any, ordered: list[Any], labels: Any, job: Job) -> None:
    """Train the model's layers in place and keep the weights of the pass that did best on held-back training rows.

    ordered: arrays in the order of model.inputs. Raises: ValueError when the loss is no longer a number.
    """
    trained, judged = split_rows(len(labels), job.seed)
    model = plain_model(model)
    _compile(model, job.epochs * -(-len(trained) // BATCH_ROWS), job.has_raw_scores)
    validation = (fed([rows[judged] for rows in ordered]), labels[judged]) if len(judged) else None
    best = _Best(model, validation)
    model.fit(
        fed([rows[trained] for rows in ordered]), labels[trained], BATCH_ROWS, job.epochs, verbose=0,
        validation_data=validation, callbacks=[_callback(model, job.epochs, best)],
    )  # fmt: skip
    best.restore(model)


def _compile(model: Any, steps: int, has_raw_scores: bool) -> None:
    """Set loss, metric ("accuracy") and a learning rate that rises, then falls to 0 as a cosine."""
    import keras

    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, MAX_MOMENTUM)
    warm = int(steps * WARM_SHARE)
    schedule = keras.optimizers.schedules.CosineDecay(
        LEARNING_RATE / 10 if warm else LEARNING_RATE,
        max(1, steps - warm),
        warmup_target=LEARNING_RATE if warm else None,
        warmup_steps=warm,
    )
    loss, accuracy = loss_for(model, has_raw_scores), accuracy_for(model, has_raw_scores)
    model.compile(keras.optimizers.Adam(schedule), loss=loss, metrics=[accuracy], jit_compile=False)


class _Best:
    """The weights that were right on most held-back rows, ties broken by the loss; those before training count too."""

    def __init__(self, model: Any, validation: tuple[Any, Any] | None) -> None:
        self._weights: list[Any] | None = None
        self._score = (-1.0, -np.inf)
        self.epoch = 0
        self._rows = 0 if validation is None else len(validation[1])
        if validation is not None:
            logs = model.evaluate(*validation, BATCH_ROWS, verbose=0, return_dict=True)
            self.consider(model, 0, {f"val_{key}": value for key, value in logs.items()})

    def consider(self, model: Any, epoch: int, logs: dict[str, float]) -> None:
        if "val_loss" not in logs:
            return
        score = (logs["val_accuracy"], -logs["val_loss"])
        if score >= self._score:
            self._score, self.epoch, self._weights = score, epoch, model.get_weights()

    def restore(self, model: Any) -> None:
        if self._weights is not None:
            model.set_weights(self._weights)
            tell(kept=self.epoch, accuracy=self._score[0], rows=self._rows)


def _callback(model: Any, epochs: int, best: _Best) -> Any:
    """Tell the parent every pass, and every few seconds that this process lives."""
    import keras

    last_beat_s = time.monotonic()

    def beat(batch: int, logs: dict[str, float]) -> None:
        nonlocal last_beat_s
        if time.monotonic() - last_beat_s > _BEAT_S:
            last_beat_s = time.monotonic()
            tell(beat=True)

    def say(epoch: int, logs: dict[str, float]) -> None:
        tell(epoch=epoch + 1, epochs=epochs, accuracy=logs["accuracy"], held_back=logs.get("val_accuracy"))
        if not np.isfinite(logs["loss"]):
            raise ValueError(f"the loss is {logs['loss']} after pass {epoch + 1}")
        best.consider(model, epoch + 1, logs)

    return keras.callbacks.LambdaCallback(on_epoch_end=say, on_train_batch_end=beat, on_test_batch_end=beat)


def main(folder: Path) -> int:
    """Do the job of a folder; exit status 0 when the weights are written."""
    end_with_parent()
    import keras

    job = Job.read(folder)
    keras.utils.set_random_seed(job.seed)
    try:
        model = read_model(folder, job)
        tell(beat=True)
        ordered, labels = read_rows(folder, len(model.inputs))
        fine_tune(model, ordered, labels, job)
    except (ExportError, ValueError) as error:
        tell(error=str(error))
        return 1
    model.save_weights(folder / WEIGHTS_FILE)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
