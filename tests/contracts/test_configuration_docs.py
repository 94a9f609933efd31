"""Contract: every configuration key is described, docs/configuration.md is the schema's, the shipped file loads."""

from __future__ import annotations

from pathlib import Path

import pytest
from google.protobuf import text_format

from gateway.config.document import TARGET, render, sections_of
from gateway.config.load import load
from gateway.config.schema import Configuration
from gateway.routing.route import resolve
from protos.stubs.tidegate.wire.v1 import management_pb2

ROOT = Path(__file__).parents[2]
SECTIONS = list(sections_of(Configuration, ""))


@pytest.mark.parametrize(("place", "section"), SECTIONS, ids=[place or "top" for place, _ in SECTIONS])
def test_every_section_and_key_has_a_description(place: str, section: type) -> None:
    assert section.__doc__, place
    fields = section.model_fields  # type: ignore[attr-defined]  # sections_of yields models only
    assert [name for name, field in fields.items() if not field.description] == []


def test_the_committed_page_is_what_the_schema_says_today() -> None:
    assert (ROOT / TARGET).read_text(encoding="utf-8") == render(), "run `python -m gateway.config.document`"


def test_the_shipped_gateway_yaml_loads_and_splits_digits_90_to_10() -> None:
    settings = load(ROOT / "serving_config" / "gateway.yaml")
    route = settings.table.models["digits"]
    choices = [resolve(route, None, None, None, bits) for bits in range(10_000)]
    assert {(choice.arm, choice.version): choices.count(choice) for choice in set(choices)} == {
        ("base", 1): 9_000,
        ("canary", 2): 1_000,
    }
    assert settings.batch_policy(route.batching).allowed_batch_sizes[-1] == 64
    assert settings.upstreams[route.upstream].models_config is not None


def test_every_version_the_shipped_gateway_yaml_names_is_loaded_by_the_shipped_models_config() -> None:
    route = load(ROOT / "serving_config" / "gateway.yaml").table.models["digits"]
    text = (ROOT / "serving_config" / "models.config").read_text(encoding="utf-8")
    config = text_format.Parse(text, management_pb2.ModelServerConfig())
    loaded = {
        version
        for entry in config.model_config_list.config
        if entry.name == "digits"
        for version in entry.model_version_policy.specific.versions
    }
    assert route.served_versions <= loaded
