"""The demo's load: Locust in a child process, and the marks that say when the weights moved."""

from __future__ import annotations

import json
import time
from typing import Any

from cli.demo.places import MODEL, Places
from loadtests.launch import LoadTest
from loadtests.options import OPTIONS

USERS = 24
KEYS = 2000
MAX_RUN_S = 420.0
FIRST_CALLS_TIMEOUT_S = 60.0


class Load:
    """A context manager; `start`, marks, `end`. The run time is bounded whatever happens to the demo."""

    def __init__(self, places: Places, gateway_port: int) -> None:
        self.users = USERS
        self.keys = KEYS
        self._places = places
        self._test: LoadTest | None = None
        self._address = f"127.0.0.1:{gateway_port}"

    def start(self) -> None:
        """Begin to call."""
        self._places.marks.touch()
        values: dict[str, Any] = {option.name: option.default for option in OPTIONS}
        values.update(
            model=MODEL,
            keys=KEYS,
            requests=str(self._places.requests),
            expected_file=str(self._places.expected),
            marks_file=str(self._places.marks),
            summary_file=str(self._places.run / "load.json"),
            record_file=str(self._places.run / "calls.csv"),
        )
        self._test = LoadTest(self._address, USERS, MAX_RUN_S, values)
        self._test.__enter__()

    def wait_for_calls(self, places: Places, seconds: float) -> None:
        """Let the load run for so long, counted from the first call that the gateway has seen."""
        end_s = time.monotonic() + FIRST_CALLS_TIMEOUT_S
        while time.monotonic() < end_s and not self._has_begun(places):
            time.sleep(0.5)
        time.sleep(seconds)

    def mark_move(self, grows: str) -> None:
        """From now on keys may move to this version."""
        self._mark({"mark": "move", "grows": [grows]})

    def mark_stand(self) -> None:
        """From now on no key may move."""
        self._mark({"mark": "stand"})

    def end(self) -> dict[str, Any]:
        """Stop calling and read the summary. Raises: loadtests.launch.CouldNotRun."""
        if self._test is None:
            raise ValueError("the load was not started")
        self._test.stop()
        return self._test.wait()

    def __enter__(self) -> Load:
        return self

    def __exit__(self, *_error: object) -> None:
        if self._test is not None:
            self._test.__exit__(None, None, None)

    def _mark(self, mark: dict[str, Any]) -> None:
        with self._places.marks.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"t": time.time(), **mark}) + "\n")

    def _has_begun(self, places: Places) -> bool:
        from cli.admin_client import admin_client

        with admin_client(places.state) as client:
            return any(model.calls for model in client.status().models)
