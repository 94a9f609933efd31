"""A missing extra is told in one line before anything is imported."""

from __future__ import annotations

import pytest

from cli.extras import MissingExtra, require


def test_what_is_not_installed_is_named_with_the_extra_that_brings_it() -> None:
    with pytest.raises(
        MissingExtra, match=r"needs no_such_module, not installed here: pip install 'tidegate\[export\]'"
    ):
        require("export", "json", "no_such_module")


def test_what_is_installed_is_no_matter() -> None:
    require("backend", "json", "socket")
