"""Export tests measure latency briefly: they check that it is measured, never how fast anything is."""

from __future__ import annotations

import pytest

import export.measure


@pytest.fixture(autouse=True)
def _short_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(export.measure, "BUDGET_S", 0.02)
