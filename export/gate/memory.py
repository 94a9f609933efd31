"""Own the memory child: start it, ask it, wait for its answer with a deadline, end it and its forks."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from export.errors import MeasureError
from export.gate.figures import Candidate, Memory
from export.runtime import Array

TIMEOUT_S = 120.0  # imports (5 s), then a load and a call of each version
_REPORT_BYTES = 600
_CHUNK_BYTES = 65536


class MemoryProbe:
    """A child that measures versions while its owner does what isn't timed; a context manager that owns it.

    One `ask` at a time, each followed by its `collect`.
    """

    def __init__(self) -> None:
        """Start it: it imports TensorFlow now."""
        self._folder = tempfile.TemporaryDirectory(prefix="tidegate-memory-")
        self._asked: tuple[Sequence[Candidate], int] = ((), 0)
        self.is_idle = True  # what was asked is collected
        with self._errors.open("wb") as errors:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "export.gate.probe"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=errors, bufsize=0, start_new_session=True, cwd=Path(__file__).parents[2], env=_environment(),
            )  # fmt: skip

    @property
    def _errors(self) -> Path:
        return Path(self._folder.name) / "stderr.txt"

    def ask(self, candidates: Sequence[Candidate], rows: int, inputs: Mapping[str, Array] | None) -> None:
        """Have all candidates measured. rows: of the one call, made of `inputs` by alias; None: made at random."""
        self._asked, self.is_idle = (candidates, rows), False
        request = {
            "folders": [str(one.version_dir.absolute()) for one in candidates],
            "rows": rows,
            "inputs": None if inputs is None else self._write(inputs, rows),
        }
        if self._child.stdin is not None:
            try:
                self._child.stdin.write(json.dumps(request).encode() + b"\n")
            except BrokenPipeError as error:
                raise MeasureError(self._silent_text("ended")) from error

    def _write(self, inputs: Mapping[str, Array], rows: int) -> str:
        path = Path(self._folder.name) / "inputs.npz"
        first = {alias: values[:rows] for alias, values in inputs.items()}
        # numpy's format knows no bfloat16; float32 holds all its values, and the child casts them back.
        plain = {alias: v.astype(np.float32) if v.dtype.name == "bfloat16" else v for alias, v in first.items()}
        with path.open("wb") as file:
            np.savez(file, allow_pickle=True, **plain)
        return str(path)

    def collect(self) -> list[Memory]:
        """Wait for what was asked. Raises: MeasureError naming the candidate at which a process died or hung."""
        candidates, rows = self._asked
        answers = self._answers()
        self.is_idle = True
        for candidate, answer in zip(candidates, answers, strict=False):
            if "status" in answer:
                raise MeasureError(_failure_text(candidate.name, answer["status"], answer["said"]))
        return [Memory(one["loaded_bytes"], one["called_bytes"], rows) for one in answers]

    def _answers(self) -> list[dict[str, Any]]:
        """The answer's line; libraries may print lines of their own before it."""
        buffered, stop = b"", time.monotonic() + TIMEOUT_S
        pipe = self._child.stdout
        with selectors.DefaultSelector() as selector:
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ)
            while selector.select(max(stop - time.monotonic(), 0)) and pipe is not None:
                chunk = os.read(pipe.fileno(), _CHUNK_BYTES)
                if not chunk:
                    raise MeasureError(self._silent_text("ended"))
                *lines, buffered = (buffered + chunk).split(b"\n")
                for line in lines:
                    if line.startswith(b"["):
                        found: list[dict[str, Any]] = json.loads(line)
                        return found
        self.end()
        raise MeasureError(self._silent_text(f"said nothing for {TIMEOUT_S:.0f} s and was stopped"))

    def _silent_text(self, what: str) -> str:
        names = ", ".join(one.name for one in self._asked[0])
        last = self._errors.read_text(encoding="utf-8", errors="replace")[-_REPORT_BYTES:]
        return f"{names}: the process that measures memory {what}. {_said(last)}"

    @property
    def is_alive(self) -> bool:
        return self._child.poll() is None

    def end(self) -> None:
        """End the child and its forks, at once."""
        if self.is_alive:
            os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait()

    def __enter__(self) -> MemoryProbe:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.end()
        for pipe in (self._child.stdin, self._child.stdout):
            if pipe is not None:
                pipe.close()
        self._folder.cleanup()


def _environment() -> dict[str, str]:
    """A child that finds what this process finds, sees no GPU, and whose imports start no threads.

    A GPU's memory is this process' by now, and it isn't what is measured. numpy's OpenBLAS would start the threads.
    """
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    own = {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "-1", "OPENBLAS_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    return {**os.environ, **own}


def _failure_text(name: str, status: int, said: str) -> str:
    what = f"was killed by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
    hint = " Out of memory? Close other programs." if status == -signal.SIGKILL else ""
    return (
        f"{name}: the process that loads the version and calls it once, to measure its memory, {what}.{hint} "
        f"A server may meet the same. {_said(said)}"
    )


def _said(text: str) -> str:
    return f"It said: {' '.join(text.split())[-_REPORT_BYTES:] or 'nothing'}"
