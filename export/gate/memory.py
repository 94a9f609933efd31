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
from export.gate.sizes import served_files
from export.runtime import Array

TIMEOUT_S = 120.0  # of each version: imports (5 s), a load, a call ...
SLOWEST_BYTES_PER_S = 10_000_000  # ... and as much longer as its files take to be read from a slow disk
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
        self._answers_pipe, theirs = os.pipe()  # its own, for libraries print what they like on stdout
        try:
            with self._errors.open("wb") as errors:
                self._child = subprocess.Popen(
                    [sys.executable, "-m", "export.gate.probe", str(theirs)], stdin=subprocess.PIPE, stdout=errors,
                    stderr=errors, bufsize=0, start_new_session=True, pass_fds=[theirs],
                    cwd=Path(__file__).parents[2], env=_environment(),
                )  # fmt: skip
        finally:
            os.close(theirs)

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
        """The answer's line."""
        limit = _limit_s(self._asked[0])
        buffered, stop = b"", time.monotonic() + limit
        with selectors.DefaultSelector() as selector:
            selector.register(self._answers_pipe, selectors.EVENT_READ)
            while selector.select(max(stop - time.monotonic(), 0)):
                chunk = os.read(self._answers_pipe, _CHUNK_BYTES)
                if not chunk:
                    raise MeasureError(self._silent_text("ended"))
                buffered += chunk
                if buffered.endswith(b"\n"):
                    found: list[dict[str, Any]] = json.loads(buffered)
                    return found
        self.end()
        raise MeasureError(self._silent_text(f"said nothing for {limit:.0f} s and was stopped"))

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
        os.close(self._answers_pipe)
        if self._child.stdin is not None:
            self._child.stdin.close()
        self._folder.cleanup()


def _limit_s(candidates: Sequence[Candidate]) -> float:
    """How long the child may take for all."""
    files = [path for one in candidates for path in served_files(one.version_dir) if path.is_file()]
    return TIMEOUT_S * len(candidates) + sum(path.stat().st_size for path in files) / SLOWEST_BYTES_PER_S


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
