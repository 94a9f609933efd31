"""Trains one model of the export sitting, in a process of its own: `python -m benchmarks.export_train NAME FOLDER`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.export_data import SEED, Rows, Task
from benchmarks.export_models import KINDS, Kind

MODEL_FILE, DATA_FILE, FACTS_FILE = "model.keras", "data.npz", "facts.json"
TOLD = 6  # passes that are told of, of however many


def train(kind: Kind, task: Task, epochs: int) -> Any:
    """Build and train, always the whole number of passes: nothing is chosen by looking at held-out rows."""
    import keras

    keras.utils.set_random_seed(SEED)
    model = kind.build()
    steps = epochs * -(-len(task.train.labels) // kind.batch_rows)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(kind.learning_rate, steps)),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
        jit_compile=False,  # XLA convolutions use one core and compile for seconds
    )
    rows = [task.train.inputs[alias] for alias in (layer.name for layer in model.inputs)]

    def tell(epoch: int, logs: dict[str, float]) -> None:
        if (epoch + 1) % -(-epochs // TOLD) == 0:
            say(f"pass {epoch + 1} of {epochs}: {logs['accuracy']:.1%} of the training rows right")

    told = keras.callbacks.LambdaCallback(on_epoch_end=tell)
    x = rows[0] if len(rows) == 1 else rows
    model.fit(x, task.train.labels, kind.batch_rows, epochs, verbose=0, callbacks=[told])
    return model


def say(line: str) -> None:
    """To the parent, at once."""
    print(line, file=sys.stderr, flush=True)


def arrays(task: Task) -> dict[str, Any]:
    """As `tidegate export --data` wants them: x_train, y_train, x_test, y_test; of several inputs x_train.INPUT."""
    found: dict[str, Any] = {}
    parts: tuple[tuple[str, Rows], ...] = (("train", task.train), ("test", task.test))
    for part, rows in parts:
        for alias, values in rows.inputs.items():
            found[f"x_{part}" if len(rows.inputs) == 1 else f"x_{part}.{alias}"] = values
        found[f"y_{part}"] = rows.labels
    return found


def make(kind: Kind, folder: Path, epochs: int) -> None:
    """Write the model, its data and the facts of both into a folder that exists."""
    task = kind.task()
    started = time.monotonic()
    model = train(kind, task, epochs)
    trained_s = time.monotonic() - started
    model.save(folder / MODEL_FILE)
    np.savez_compressed(folder / DATA_FILE, **arrays(task))
    facts = {
        "parameters": int(model.count_params()),
        "epochs": epochs,
        "train_rows": len(task.train.labels),
        "test_rows": len(task.test.labels),
        "data": task.words,
        "trained_s": round(trained_s, 1),
    }
    (folder / FACTS_FILE).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    say(f"trained {facts['parameters']:,} parameters in {trained_s:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.export_train", description=__doc__)
    parser.add_argument("name", choices=KINDS)
    parser.add_argument("folder", type=Path, help="must exist")
    parser.add_argument("--epochs", type=int, help="passes over the training rows")
    given = parser.parse_args()
    kind = KINDS[given.name]
    make(kind, given.folder, given.epochs or kind.epochs)


if __name__ == "__main__":
    main()
