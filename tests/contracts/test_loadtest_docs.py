"""docs/loadtests.md names every option of the load test with its default."""

from __future__ import annotations

import re

import pytest

from cli.commands.loadtest import command
from loadtests.options import OPTIONS, Option
from tests.contracts.compose import ROOT

TEXT = (ROOT / "docs" / "loadtests.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `(--[a-z-]+)` \|([^|]*)\|", TEXT, re.M))


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_an_option_is_documented_with_its_default(option: Option) -> None:
    shown = ROWS[option.flag].strip().strip("`")
    wanted = "off" if option.kind is bool else f"{option.default:g}" if option.kind is float else str(option.default)
    assert shown == wanted


def test_no_option_is_documented_that_the_command_does_not_have() -> None:
    known = {flag for parameter in command.params for flag in parameter.opts}
    assert set(ROWS) <= known
