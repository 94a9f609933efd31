"""What a child process of pruning is given: a folder with the model, the training rows and what to do with them."""

from __future__ import annotations

import inspect
import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from export.data import Split
from export.scores import are_raw

MODEL_FILE = "model.keras"
DATA_FILE = "train.npz"
JOB_FILE = "job.json"
TRIED_ROWS = 512  # training rows whose answers tell raw scores from probabilities
TRIED_BATCH_ROWS = 32


@dataclass(frozen=True, slots=True)
class Job:
    """What to do: passes over the data, the seed, whether the model's own code may run and its modules.

    has_raw_scores: the unpruned model's answers are raw scores, no probabilities. A cut model's own wouldn't tell.
    """

    epochs: int
    seed: int
    trust_model_code: bool
    has_raw_scores: bool
    import_modules: tuple[str, ...] = ()

    def write(self, folder: Path) -> None:
        (folder / JOB_FILE).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> Job:
        facts = json.loads((folder / JOB_FILE).read_text(encoding="utf-8"))
        return Job(**{**facts, "import_modules": tuple(facts["import_modules"])})


def write_job(folder: Path, model: Any, split: Split, input_order: list[str], job: Job) -> None:
    """Fill the folder. input_order: the split's aliases in the order of model.inputs; split.labels must be there."""
    job.write(folder)
    model.save(folder / MODEL_FILE)
    arrays = {f"input_{index}": _without_objects(split.inputs[alias]) for index, alias in enumerate(input_order)}
    np.savez(folder / DATA_FILE, labels=np.asarray(split.labels), **arrays)


def _without_objects(rows: Any) -> Any:
    """Texts as an array that needs no pickle: bytes or str, as they come."""
    return np.array(rows.tolist()) if rows.dtype == object else rows


def own_modules(model: Any) -> tuple[str, ...]:
    """Modules of the layers and functions of a model that aren't Keras' own; a child must import them to load it."""
    items: list[Any] = [type(layer) for layer in model._flatten_layers()]
    items += [value for layer in model._flatten_layers() for value in vars(layer).values() if inspect.isfunction(value)]
    modules = {item.__module__ for item in items} - {None}
    return tuple(sorted(module for module in modules if module.partition(".")[0] != "keras"))


def read_model(folder: Path, job: Job) -> Any:
    """Load the job's model, its modules imported first, every layer trainable. Raises: BadModelFileError.

    Layers frozen in the source must learn here: what they were given comes from a network that is no longer whole.
    """
    from export.source import load_keras

    model = load_keras(folder / MODEL_FILE, job.trust_model_code, job.import_modules)
    for layer in model._flatten_layers():  # Model.trainable doesn't reach all layers of a loaded model
        layer.trainable = True
    return model


def read_rows(folder: Path, inputs: int) -> tuple[list[Any], Any]:
    """The job's input arrays, in the order of model.inputs, and its labels (rows,)."""
    with np.load(folder / DATA_FILE, allow_pickle=False) as arrays:
        ordered = [arrays[f"input_{index}"] for index in range(inputs)]
        labels = arrays["labels"]
    return ordered, labels


def plain_model(model: Any) -> Any:
    """The same layers as a model of a list of inputs and one bare output, whatever structures they had (dicts)."""
    import keras

    return keras.Model(model.inputs, model.outputs[0])


def fed(ordered: list[Any]) -> list[Any]:
    """Arrays as Keras takes them: texts as tensors, for it takes no arrays of them."""
    import tensorflow as tf

    return [tf.constant(rows) if rows.dtype.kind in "SU" else rows for rows in ordered]


def tell(**facts: object) -> None:
    """One line of JSON for the parent."""
    print(json.dumps(facts), flush=True)


def end_with_parent() -> None:
    """End this process when the parent's end of stdin closes."""

    def watch() -> None:
        while os.read(0, 4096):  # not sys.stdin: a thread inside its lock breaks the interpreter's own end
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def has_raw_scores(model: Any, split: Split, input_order: list[str]) -> bool:
    """Whether a model's one output holds raw scores and no probabilities, told from its answers to training rows.

    Its last layer wouldn't tell: a softmax may stand before a mean or a Reshape. input_order: as in `write_job`.
    """
    plain = plain_model(model)
    ordered = [_without_objects(split.inputs[alias][:TRIED_ROWS]) for alias in input_order]
    starts = range(0, len(ordered[0]), TRIED_BATCH_ROWS)
    batches = [fed([rows[start : start + TRIED_BATCH_ROWS] for rows in ordered]) for start in starts]
    return are_raw(np.concatenate([np.asarray(plain(rows, training=False)) for rows in batches]))


def loss_for(model: Any, has_raw_scores: bool) -> Any:
    """Choose the loss: of one score of being class 1, or of the scores of classes."""
    import keras

    if model.outputs[0].shape[-1] == 1:
        return keras.losses.BinaryCrossentropy(from_logits=has_raw_scores)
    return keras.losses.SparseCategoricalCrossentropy(from_logits=has_raw_scores)


def accuracy_for(model: Any, has_raw_scores: bool) -> Any:
    """Choose the metric of right classes; one score means class 1 from where the gate takes it to."""
    import keras

    if model.outputs[0].shape[-1] == 1:
        return keras.metrics.BinaryAccuracy(name="accuracy", threshold=0.0 if has_raw_scores else 0.5)
    return keras.metrics.SparseCategoricalAccuracy(name="accuracy")
