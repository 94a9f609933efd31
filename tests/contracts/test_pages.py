"""Contract: what people read is whole: no placeholder, no dead link, and every command the README names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cli.main import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_has_no_placeholder_and_no_link_to_nowhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert re.findall(r"@[A-Z]+@", text) == []
    targets = [target for target in re.findall(r"\]\(([^)#]+)\)", text) if "://" not in target]
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_command_that_the_readme_names_exists() -> None:
    named = set(re.findall(r"^tidegate (\w+)", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.M))
    assert named
    assert named <= COMMANDS.keys()
    for name in COMMANDS:
        assert (ROOT / "cli" / "commands" / f"{name}.py").is_file()
