"""Run fine-tuning in a child process and own it: progress told, silence and crashes turned into clear errors."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from export.data import Split
from export.errors import FineTuneError
from export.pruning.finetune import DATA_FILE, MODEL_FILE, WEIGHTS_FILE, Job
from export.rebuild import finalize

SILENCE_TIMEOUT_S = 300.0  # loading, or compiling the first step, of the largest model; then it tells every 5 s
_END_TIMEOUT_S = 10.0
_REPORT_BYTES = 600

Say = Callable[[str], None]


def fine_tune_in_child(model: Any, split: Split, input_order: list[str], job: Job, say: Say) -> None:
    """Train the model's weights in a child process and load the result into `model`.

    input_order: the split's aliases in the order of model.inputs.
    Raises: FineTuneError when the child crashes, falls silent, or the loss diverges; the model is then unchanged.
    """
    with tempfile.TemporaryDirectory(prefix="tidegate-finetune-") as name:
        folder = Path(name)
        job.write(folder)
        model.save(folder / MODEL_FILE)
        arrays = {f"input_{index}": split.inputs[alias] for index, alias in enumerate(input_order)}
        np.savez(folder / DATA_FILE, labels=split.labels, **arrays)  # type: ignore[arg-type]  # its stub forbids **
        run_child([sys.executable, "-m", "export.pruning.finetune", str(folder)], folder, say)
        model.load_weights(folder / WEIGHTS_FILE)
        finalize(model)


def run_child(command: list[str], folder: Path, say: Say, silence_timeout_s: float = SILENCE_TIMEOUT_S) -> None:
    """Run a child that tells JSON lines until it ends with status 0. Raises: FineTuneError."""
    error_path = folder / "stderr.txt"
    with error_path.open("wb") as errors:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
    try:
        reason = None
        for facts in _told(child, silence_timeout_s):
            if "epoch" in facts:
                say(f"  fine-tuning, pass {facts['epoch']} of {facts['epochs']}: {facts['accuracy']:.1%} right")
            reason = facts.get("error", reason)
        status = child.wait(_END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise FineTuneError("fine-tuning closed its output but didn't end; it was stopped. Export again") from None
    finally:
        end_child(child)
    if reason is not None:
        raise FineTuneError(f"fine-tuning failed: {reason}. Prune less, or check the training data")
    if status != 0:
        raise FineTuneError(_crash_text(status, error_path))


def _told(child: subprocess.Popen[bytes], silence_timeout_s: float) -> Iterator[dict[str, Any]]:
    """Yield what the child tells, line by line, until its output closes. Raises: FineTuneError on silence."""
    if child.stdout is None:
        raise FineTuneError("fine-tuning has no output to read")  # cannot be: Popen was given a pipe
    buffered = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(silence_timeout_s):
                raise FineTuneError(
                    f"fine-tuning said nothing for {silence_timeout_s:.0f} s and was stopped; try a smaller model"
                )
            chunk = os.read(child.stdout.fileno(), 65536)
            if not chunk:
                return
            *lines, buffered = (buffered + chunk).split(b"\n")
            for line in lines:
                if line.startswith(b"{"):  # libraries may print lines of their own
                    yield json.loads(line)


def _crash_text(status: int, error_path: Path) -> str:
    last = " ".join(error_path.read_text(encoding="utf-8", errors="replace")[-_REPORT_BYTES:].split())
    if status < 0:
        return (
            f"fine-tuning crashed ({signal.Signals(-status).name}) in its own process; nothing was published. oneDNN "
            "is known to corrupt the heap on narrow convolutions: set TF_ENABLE_ONEDNN_OPTS=0, or prune less. "
            f"It said: {last}"
        )
    return f"fine-tuning ended with status {status}: {last}"


def end_child(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started, if it still runs, and close its pipes."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
