"""One program of the demo, run to its end: standard output kept, what it says beside logged and shown as it comes."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Self

from cli.children import quiet_environment

LIBRARY_NOISE = ("WARNING: All log", "I0000", "W0000", "E0000")  # TensorFlow's own lines stay in the log


class StepFailed(Exception):
    """A step of the demo could not be done; the message says which and why."""


class Program:
    """A context manager that ends the process in any case.

    `show` gets each line of its standard error, and of its standard output with `show_output`.
    """

    def __init__(
        self, argv: Sequence[str], log: Path, show: Callable[[str], None] | None, show_output: bool = False
    ) -> None:
        self._argv = list(argv)
        self._log = log
        self._show = show
        self._show_output = show_output
        self._output: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._readers: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._process = process = subprocess.Popen(
            self._argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=quiet_environment(),
            text=True,
            errors="replace",
        )
        for stream, read in ((process.stdout, self._keep), (process.stderr, self._tell)):
            reader = threading.Thread(target=read, args=(stream,), daemon=True)
            reader.start()
            self._readers.append(reader)
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def wait(self, timeout_s: float) -> tuple[str, int]:
        """(standard output, exit status). Raises: StepFailed when it takes longer."""
        if self._process is None:
            raise ValueError("enter the context first")
        try:
            status = self._process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            words = " ".join(self._argv[2:4])
            raise StepFailed(f"`{words} ...` takes longer than {timeout_s:g} s; its log: {self._log}") from error
        for reader in self._readers:
            reader.join(timeout_s)
        return "".join(self._output), status

    def _keep(self, stream: IO[str]) -> None:
        for line in stream:
            self._output.append(line)
            if self._show is not None and self._show_output:
                self._show(line.strip())

    def _tell(self, stream: IO[str]) -> None:
        with self._log.open("a", encoding="utf-8") as log:
            for line in stream:
                log.write(line)
                if self._show is not None and line.strip() and not line.startswith(LIBRARY_NOISE):
                    self._show(line.rstrip())
