"""The schema agrees with the policies it fills, so that a default exists once."""

from __future__ import annotations

import dataclasses

from gateway.batching.policy import BatchPolicy
from gateway.config.document import sections_of
from gateway.config.schema import Configuration
from gateway.config.sections import Batching, ModelBatching, Retry, Upstream
from gateway.config.validate import keys_at
from gateway.limits.retry_budget import RetryPolicy
from gateway.upstream.policy import UpstreamPolicy


def test_the_batching_section_has_every_field_of_the_policy_in_its_order() -> None:
    names = [field.name for field in dataclasses.fields(BatchPolicy)]
    assert list(Batching.model_fields) == names
    names.remove("slots_per_replica")  # of an upstream, whatever its models
    assert list(ModelBatching.model_fields) == names


def test_the_upstream_sections_defaults_are_the_policys() -> None:
    upstream, policy = Upstream(replicas=["a:1"]), UpstreamPolicy()
    shared = {field.name for field in dataclasses.fields(UpstreamPolicy)} & Upstream.model_fields.keys() - {"retry"}
    assert len(shared) == 8
    assert {name: getattr(upstream, name) for name in shared} == {name: getattr(policy, name) for name in shared}
    assert dataclasses.asdict(RetryPolicy()) == Retry().model_dump()


def test_known_keys_are_found_through_mappings_lists_and_optional_sections() -> None:
    assert keys_at(("models", "digits", "split", "arms", 3)) == ["name", "weight", "version", "version_label"]
    assert keys_at(("server", "tls")) == ["cert_file", "key_file", "client_ca_file"]
    assert keys_at(("models", "digits", "labels")) == []
    assert keys_at(("nowhere",)) == []


def test_every_section_refuses_unknown_keys_and_wrong_types() -> None:
    for _, section in sections_of(Configuration, ""):
        assert section.model_config["extra"] == "forbid"
        assert section.model_config["strict"] is True
