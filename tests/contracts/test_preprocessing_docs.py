"""Contract: docs/preprocessing.md explains every key of a preprocessing spec, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from pydantic import BaseModel

from export.preprocess import schema

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "preprocessing.md").read_text(encoding="utf-8")
STEPS = {name: field.annotation for name, field in schema.Step.model_fields.items()}


def keys_of(*models: type[BaseModel]) -> set[str]:
    return {field.alias or name for model in models for name, field in model.model_fields.items()}


def rows(first: str) -> dict[str, str]:
    """The table whose head begins with a word: the code of the first cell, and the rest of the row."""
    table = PAGE.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    return dict(re.findall(r"^\| `(\w+)` \|(.*)\|$", table, flags=re.MULTILINE))


def test_every_key_of_signatures_and_inputs_is_explained() -> None:
    assert set(rows("key")) == keys_of(schema.SpecFile, schema.ExtraSignature, schema.RawInput)


def test_every_step_and_each_of_its_keys_is_explained() -> None:
    explained = rows("step")
    assert set(explained) == set(STEPS)
    for name, annotation in STEPS.items():
        [model] = [one for one in annotation.__args__ if one is not type(None)]  # type: ignore[union-attr]  # X | None
        missing = [key for key in keys_of(model) if f"`{key}`" not in explained[name]]
        assert not missing, f"{name}: {missing}"


def test_every_choice_of_a_key_is_named() -> None:
    for words in (("stretch", "crop", "pad"), ("bilinear", "nearest", "area"), ("texts", "integers")):
        assert all(f"`{word}`" in PAGE for word in words)


def test_the_example_in_the_page_is_that_of_the_file() -> None:
    shown = PAGE.partition("```yaml\n")[2].partition("```")[0]
    assert shown in (DOCS / "examples" / "preprocess.yaml").read_text(encoding="utf-8")
