"""One run of the load test: what all its users share, and what one measured call does."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from loadtests.client import Answer, CallFailed, Connections
from loadtests.expected import ExpectedScores
from loadtests.marks import load_marks
from loadtests.options import Settings
from loadtests.problems import Problems
from loadtests.record import CallRecord, Pair
from loadtests.reply import VERSION_HEADER, best_label, check_model, check_scores, read_arm
from loadtests.rows import Row, load_rows
from loadtests.summary import summarise
from loadtests.wire import BadReply, decode_reply, encode_request

KEY_SEED = 20_26
DIGITS_TIMEOUT_S = 60
MAX_WARNINGS = 20


class Outcome:
    """What Locust is told of one call."""

    __slots__ = ("elapsed_ms", "error", "reply_bytes")

    def __init__(self, elapsed_ms: float, reply_bytes: int, error: CallFailed | None) -> None:
        self.elapsed_ms = elapsed_ms
        self.reply_bytes = reply_bytes
        self.error = error


class Session:
    """Rows, keys, connections and record of one run. Not for threads: gevent switches only inside a call."""

    def __init__(self, settings: Settings) -> None:
        """Read the rows and connect. Raises: Problems."""
        self.settings = settings
        self.rows = load_rows(settings.requests) if settings.requests else sklearn_rows()
        self.expected = ExpectedScores(settings.expected_file, len(self.rows))
        self.expected.refresh()
        self.record = CallRecord()
        self.started = 0
        self.warnings: list[str] = []
        self._requests = [encode_request(settings.model, row) for row in self.rows]
        self._random = random.Random(KEY_SEED)
        self._cycle: list[int] = []
        self._unix_minus_monotonic_s = time.time() - time.monotonic()
        self._connections = Connections(settings.address, settings.connections)
        warm = self._connections.warm(self._requests[0])
        self._headers_wanted = VERSION_HEADER in warm.headers

    @property
    def exhausted(self) -> bool:
        """Whether --max-calls has been reached."""
        return 0 < self.settings.max_calls <= self.started

    def warn(self, text: str) -> None:
        """Keep a warning for the summary: each once, and boundedly many."""
        if text not in self.warnings and len(self.warnings) < MAX_WARNINGS:
            self.warnings.append(text)

    def call(self) -> Outcome:
        """One Predict of the next key and row, checked and recorded."""
        number = self.started
        self.started += 1
        key, row = self._next_key(), number % len(self.rows)
        headers = ((self.settings.key_header, f"user-{key:06d}"),)
        start_s = time.monotonic()
        payload_bytes = 0
        error: CallFailed | None = None
        try:
            answer = self._connections.call(number, self._requests[row], headers, self.settings.call_timeout_s)
            end_s = time.monotonic()
            payload_bytes = len(answer.payload)
            self._accept(key, row, answer, start_s, end_s)
        except CallFailed as failed:
            end_s = time.monotonic()
            error = failed
        except BadReply as bad:
            error = CallFailed("CONTENT", str(bad))
        if error is not None:
            error = CallFailed(*self.record.failed(error.code, error.message, end_s + self._unix_minus_monotonic_s))
        return Outcome((end_s - start_s) * 1e3, payload_bytes, error)

    def _accept(self, key: int, row: int, answer: Answer, start_s: float, end_s: float) -> None:
        reply = decode_reply(answer.payload)
        check_model(reply, self.settings.model)
        arm = read_arm(answer.headers, reply, self._headers_wanted)
        check_scores(reply.scores)
        self.expected.check(reply.version, row, reply.scores)
        offset_s = self._unix_minus_monotonic_s
        pair = Pair(arm, str(reply.version))
        correct = best_label(reply.scores) == self.rows[row].label
        self.record.answered(key, pair, start_s + offset_s, end_s + offset_s, correct=correct)

    def _next_key(self) -> int:
        """Every key once a round, each round in another order: all keys are met soon and evenly."""
        if not self._cycle:
            self._cycle = list(range(self.settings.keys))
            self._random.shuffle(self._cycle)
        return self._cycle.pop()

    def finish(self, users: int) -> dict[str, Any]:
        """Close the connections, judge the record and write the files asked for; return the summary.

        Raises: OSError when the summary can't be written.
        """
        self._connections.close()
        marks_problem: str | None = None
        try:
            marks = load_marks(self.settings.marks_file)
        except Problems as problems:
            marks, marks_problem = (), str(problems)
        if self.settings.record_file:
            try:
                self.record.save(self.settings.record_file)
            except OSError as error:
                self.warn(f"the record could not be written: {error}")
        summary = summarise(self.record, marks)
        if marks_problem is not None:
            summary.update(sticky_violations=None, marks_problem=marks_problem)
        summary |= {
            "address": self.settings.address,
            "model": self.settings.model,
            "users": users,
            "connections": self.settings.connections,
            "keys": self.settings.keys,
            "unfinished_calls": self.started - summary["calls"],
            "headers": self._headers_wanted,
            "compared_replies": self.expected.compared,
            "uncompared_replies": self.expected.uncompared,
            "warnings": self.warnings,
        }
        if self.settings.summary_file:
            write_whole(self.settings.summary_file, json.dumps(summary, indent=2) + "\n")
        return summary


def write_whole(path: Path, text: str) -> None:
    """Write beside, then rename: a reader never meets half a file. Raises: OSError."""
    beside = path.with_name(f".{path.name}.tmp")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def sklearn_rows() -> tuple[Row, ...]:
    """Rows made in a child process, so that numpy and scikit-learn never load here. Raises: Problems."""
    with tempfile.TemporaryDirectory(prefix="tidegate-") as folder:
        path = Path(folder) / "digits.jsonl"
        command = [sys.executable, "-m", "loadtests.digits", "--out", str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DIGITS_TIMEOUT_S, check=False)
        if done.returncode:
            raise Problems("load test", [f"no --requests file, and none could be made: {done.stderr.strip()[-300:]}"])
        return load_rows(path)
