"""Export tests measure briefly, and share one memory child: they check that it is measured, never how fast it is."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator

import pytest

from export.gate import measure, timing
from export.gate.memory import MemoryProbe
from export.temporary import base_folder


class SharedProbe:
    """One child for the session, for its imports cost seconds; another when a test has left it at work or ended it."""

    def __init__(self) -> None:
        self._probe: MemoryProbe | None = None

    def lend(self) -> contextlib.nullcontext[MemoryProbe]:
        if self._probe is None or not (self._probe.is_alive and self._probe.is_idle):
            self.close()
            with pytest.MonkeyPatch.context() as outlives:  # the export, and so its temporary root
                outlives.setattr(tempfile, "tempdir", str(base_folder()))
                outlives.setenv("TMPDIR", str(base_folder()))
                self._probe = MemoryProbe()
        return contextlib.nullcontext(self._probe)

    def close(self) -> None:
        if self._probe is not None:
            self._probe.__exit__(None, None, None)


@pytest.fixture(scope="session")
def shared_probe() -> Iterator[SharedProbe]:
    shared = SharedProbe()
    yield shared
    shared.close()


@pytest.fixture(autouse=True)
def _short_measuring(monkeypatch: pytest.MonkeyPatch, shared_probe: SharedProbe) -> None:
    monkeypatch.setattr(measure, "MemoryProbe", shared_probe.lend)
    monkeypatch.setattr(timing, "LATENCY_S", 0.02)
    monkeypatch.setattr(timing, "LOADS", 3)  # fewer, and no interval is narrow
    monkeypatch.setattr(timing, "SLICES", 1)
    monkeypatch.setattr(timing, "SLICE_S", 0.01)
