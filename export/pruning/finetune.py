"""The child process that fine-tunes a pruned model: reads a job folder, prints one JSON line a step, saves the weights.

It lives in a process of its own because training has been seen to corrupt the heap inside oneDNN; then the parent
says so instead of dying. It ends by itself when its parent does: the parent's end of stdin closes.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

MODEL_FILE = "pruned.keras"
DATA_FILE = "train.npz"
JOB_FILE = "job.json"
WEIGHTS_FILE = "tuned.weights.h5"
BATCH_ROWS = 64
LEARNING_RATE = 1e-3
# Statistics of BatchNormalization must follow the cut model within a few epochs; Keras' 0.99 is for long trainings.
MAX_MOMENTUM = 0.9
_BEAT_S = 5.0


@dataclass(frozen=True, slots=True)
class Job:
    """What to do: passes over the data, the seed, and whether the model's own Python code may run."""

    epochs: int
    seed: int
    trust_model_code: bool

    def write(self, folder: Path) -> None:
        (folder / JOB_FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> Job:
        return Job(**json.loads((folder / JOB_FILE).read_text(encoding="utf-8")))


def tell(**facts: object) -> None:
    """One line for the parent."""
    print(json.dumps(facts), flush=True)


def end_with_parent() -> None:
    """End this process when the parent's end of stdin closes."""

    def watch() -> None:
        while os.read(0, 4096):  # not sys.stdin: a thread inside its lock breaks the interpreter's own end
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def loss_for(model: Any) -> Any:
    """Choose the loss by what makes the output: softmax or plain scores of classes, or one score of being class 1."""
    import keras

    layer = model.outputs[0]._keras_history.operation
    activation = getattr(getattr(layer, "activation", None), "__name__", type(layer).__name__.lower())
    if model.outputs[0].shape[-1] == 1:
        return keras.losses.BinaryCrossentropy(from_logits=activation != "sigmoid")
    return keras.losses.SparseCategoricalCrossentropy(from_logits=activation != "softmax")


def fine_tune(model: Any, inputs: Mapping[str, Any], labels: Any, job: Job) -> None:
    """Train in place. Raises: ValueError when the loss is no longer a number."""
    import keras

    from export.servable import layer_graph

    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = min(layer.momentum, MAX_MOMENTUM)
    steps = max(1, job.epochs * -(-len(labels) // BATCH_ROWS))
    schedule = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, steps)
    metric = "accuracy" if model.outputs[0].shape[-1] != 1 else "binary_accuracy"
    model.compile(keras.optimizers.Adam(schedule), loss=loss_for(model), metrics=[metric], jit_compile=False)
    last_beat_s = time.monotonic()

    def beat(batch: int, logs: dict[str, float]) -> None:
        nonlocal last_beat_s
        if time.monotonic() - last_beat_s > _BEAT_S:
            last_beat_s = time.monotonic()
            tell(beat=True)

    def say(epoch: int, logs: dict[str, float]) -> None:
        tell(epoch=epoch + 1, epochs=job.epochs, loss=logs["loss"], accuracy=logs[metric])
        if not np.isfinite(logs["loss"]):
            raise ValueError(f"the loss is {logs['loss']} after pass {epoch + 1}")

    callback = keras.callbacks.LambdaCallback(on_epoch_end=say, on_train_batch_end=beat)
    ordered = list(inputs.values())
    x = ordered[0] if len(ordered) == 1 else keras.tree.pack_sequence_as(layer_graph(model)._inputs_struct, ordered)
    model.fit(x, labels, BATCH_ROWS, job.epochs, verbose=0, callbacks=[callback])


def main(folder: Path) -> int:
    """Do the job of a folder; exit status 0 when the weights are written."""
    end_with_parent()
    import keras

    from export.source import load_keras

    job = Job.read(folder)
    keras.utils.set_random_seed(job.seed)
    model = load_keras(folder / MODEL_FILE, job.trust_model_code)
    tell(beat=True)
    with np.load(folder / DATA_FILE, allow_pickle=False) as arrays:
        labels = arrays["labels"]
        inputs = {str(index): arrays[f"input_{index}"] for index in range(len(model.inputs))}
    try:
        fine_tune(model, inputs, labels, job)
    except ValueError as error:
        tell(error=str(error))
        return 1
    model.save_weights(folder / WEIGHTS_FILE)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
