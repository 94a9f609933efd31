"""What all tests share: everything outside unit/ and contracts/ runs real processes and is marked slow."""

from __future__ import annotations

from pathlib import Path

import pytest

TESTS = Path(__file__).parent
FAST = (TESTS / "unit", TESTS / "contracts")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not any(item.path.is_relative_to(folder) for folder in FAST):
            item.add_marker(pytest.mark.slow)
