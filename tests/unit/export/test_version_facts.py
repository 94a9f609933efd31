"""What a version's export.json says, in words."""

from __future__ import annotations

from typing import Any

import pytest

from export.version_facts import variant_words


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        ({"precision": "float32", "prune": None, "xla": False}, "float32"),
        ({"precision": "bfloat16", "prune": "structured:0.5", "xla": True}, "bfloat16, structured:0.5, xla"),
        ({"precision": "float32", "xla": True}, "float32, xla"),
        ({"precision": "float32", "xla": "yes"}, "float32"),
        ({}, None),
        (None, None),
    ],
)
def test_a_variant_is_named_by_all_that_was_changed(variant: Any, words: str | None) -> None:
    assert variant_words({"variant": variant}) == words
