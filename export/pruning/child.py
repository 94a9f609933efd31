"""Run pruning's child processes and own them: progress told, silence and crashes turned into clear errors."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from export.data import Split
from export.errors import FineTuneError
from export.pruning.finetune import WEIGHTS_FILE
from export.pruning.importance import Array
from export.pruning.job import Job, write_job
from export.pruning.taylor import MAX_ROWS, TERMS_FILE
from export.rebuild import finalize
from export.servable import input_aliases
from export.temporary import temporary_folder

SILENCE_TIMEOUT_S = 300.0  # loading, or compiling the first step, of the largest model; then it tells every 5 s
NARROW_FILTERS = 16  # training convolutions of fewer has corrupted the heap inside oneDNN
_END_TIMEOUT_S = 10.0
_REPORT_BYTES = 600

Say = Callable[[str], None]


def fine_tune_in_child(model: Any, split: Split, job: Job, say: Say) -> None:
    """Train the model's weights in a child process and load the result into `model`.

    Raises: FineTuneError when the child crashes, falls silent, or the loss diverges; the model is then unchanged.
    """
    with temporary_folder("finetune") as folder:
        write_job(folder, model, split, input_aliases(model), job)
        run_child(_command("finetune", folder), folder, say, environment=_environment(model, say))
        model.load_weights(folder / WEIGHTS_FILE)
        finalize(model)


def taylor_terms_in_child(model: Any, split: Split, job: Job, say: Say) -> dict[int, Array]:
    """Compute each channel's Taylor term in a child process, on at most MAX_ROWS training rows drawn by the seed.

    Returns them by the layer's place in the model. Raises: FineTuneError when the child crashes or falls silent.
    """
    rows = len(next(iter(split.inputs.values())))
    drawn = np.sort(np.random.default_rng(job.seed).permutation(rows)[:MAX_ROWS])
    labels = None if split.labels is None else split.labels[drawn]
    part = Split({alias: values[drawn] for alias, values in split.inputs.items()}, labels)
    with temporary_folder("taylor") as folder:
        write_job(folder, model, part, input_aliases(model), job)
        say(f"  computing the loss's gradients on {len(drawn)} training rows")
        run_child(
            _command("taylor", folder), folder, say, environment=_environment(model, say), work="the Taylor importance"
        )
        with np.load(folder / TERMS_FILE) as terms:
            return {int(place): terms[place] for place in terms.files}


def _command(module: str, folder: Path) -> list[str]:
    return [sys.executable, "-m", f"export.pruning.{module}", str(folder)]


def _environment(model: Any, say: Say) -> dict[str, str]:
    """A child finds the modules that this process finds; oneDNN is off where its kernels aren't safe."""
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    environment = {**os.environ, "PYTHONPATH": path}
    if narrow := narrow_convolutions(model):
        say(
            f"  oneDNN is off in this child (TF_ENABLE_ONEDNN_OPTS=0), for convolutions narrower than {NARROW_FILTERS} "
            f"corrupt its memory: {', '.join(narrow[:5])}{' ...' if len(narrow) > 5 else ''}"
        )
        environment["TF_ENABLE_ONEDNN_OPTS"] = "0"
    return environment


def narrow_convolutions(model: Any) -> list[str]:
    """Name the convolutions that make fewer than NARROW_FILTERS channels in one of their groups."""
    return [
        str(layer.name)
        for layer in model._flatten_layers()
        if "Conv" in type(layer).__name__
        and isinstance(filters := getattr(layer, "filters", None), int)
        and filters // getattr(layer, "groups", 1) < NARROW_FILTERS
    ]


def run_child(
    command: list[str],
    folder: Path,
    say: Say,
    silence_timeout_s: float = SILENCE_TIMEOUT_S,
    environment: Mapping[str, str] | None = None,
    work: str = "fine-tuning",
) -> None:
    """Run a child that tells JSON lines until it ends with status 0; `work` names it in errors.

    Raises: FineTuneError.
    """
    error_path = folder / "stderr.txt"
    with error_path.open("wb") as errors:
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, start_new_session=True,
            cwd=Path(__file__).parents[2], env=environment,
        )  # fmt: skip
    try:
        reason = None
        for facts in _told(child, silence_timeout_s, work):
            if (text := _progress(facts)) is not None:
                say(text)
            reason = facts.get("error", reason)
        status = child.wait(_END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        raise FineTuneError(f"{work} closed its output but didn't end; it was stopped. Export again") from None
    finally:
        end_child(child)
    if reason is not None:
        raise FineTuneError(f"{work} failed: {reason}. Prune less, or check the training data")
    if status != 0:
        raise FineTuneError(_crash_text(status, error_path, work))


def _progress(facts: dict[str, Any]) -> str | None:
    """What the user is told of a child's line; None for a mere sign of life."""
    if "epoch" in facts:
        held_back = facts.get("held_back")
        more = "" if held_back is None else f", {held_back:.1%} of the rows held back"
        return f"  fine-tuning, pass {facts['epoch']} of {facts['epochs']}: {facts['accuracy']:.1%} right{more}"
    if "kept" in facts:
        what = f"of pass {facts['kept']}" if facts["kept"] else "before fine-tuning"
        return (
            f"  kept the weights {what}: {facts['accuracy']:.1%} of {facts['rows']} training rows held back are right"
        )
    return None


def _told(child: subprocess.Popen[bytes], silence_timeout_s: float, work: str) -> Iterator[dict[str, Any]]:
    """Yield what the child tells, line by line, until its output closes. Raises: FineTuneError on silence."""
    if child.stdout is None:
        raise FineTuneError(f"{work} has no output to read")  # cannot be: Popen was given a pipe
    buffered = b""
    with selectors.DefaultSelector() as selector:
        selector.register(child.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(silence_timeout_s):
                raise FineTuneError(
                    f"{work} said nothing for {silence_timeout_s:.0f} s and was stopped; try a smaller model"
                )
            chunk = os.read(child.stdout.fileno(), 65536)
            if not chunk:
                return
            *lines, buffered = (buffered + chunk).split(b"\n")
            for line in lines:
                if line.startswith(b"{"):  # libraries may print lines of their own
                    yield json.loads(line)


def _crash_text(status: int, error_path: Path, work: str) -> str:
    last = " ".join(error_path.read_text(encoding="utf-8", errors="replace")[-_REPORT_BYTES:].split())
    if status < 0:
        return (
            f"{work} crashed ({signal.Signals(-status).name}) in its own process; nothing was published. oneDNN "
            "is known to corrupt the heap on narrow convolutions: set TF_ENABLE_ONEDNN_OPTS=0, or prune less. "
            f"It said: {last}"
        )
    return f"{work} ended with status {status}: {last}"


def end_child(child: subprocess.Popen[bytes]) -> None:
    """End the child and whatever it started, if it still runs, and close its pipes."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
