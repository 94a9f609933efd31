"""Snapshots: a change makes a new table and leaves the old one as it was."""

from __future__ import annotations

import pytest

from gateway.routing.ramp import Ramp
from gateway.routing.route import ModelRoute, VersionMode
from gateway.routing.table import RouteTable

TABLE = RouteTable.of(
    [ModelRoute("digits", "serving", VersionMode.MANAGED, 1), ModelRoute("plain", "serving")],
    default_upstream="serving",
)


def test_a_listed_model_has_its_route() -> None:
    assert TABLE.route("digits") is TABLE.models["digits"]


def test_a_model_nobody_listed_is_followed_at_the_default_upstream_and_not_remembered() -> None:
    assert TABLE.route("surprise") == ModelRoute("surprise", "serving")
    assert "surprise" not in TABLE.models


def test_without_default_upstream_an_unlisted_model_has_no_route() -> None:
    closed = RouteTable.of([])
    assert closed.route("surprise") is None
    with pytest.raises(KeyError):
        closed.with_version("surprise", 1)


def test_a_new_version_is_in_the_new_snapshot_only() -> None:
    newer = TABLE.with_version("digits", 2)
    assert (TABLE.models["digits"].version, newer.models["digits"].version) == (1, 2)
    assert newer.models["plain"] is TABLE.models["plain"]


def test_a_version_seen_upstream_lists_a_discovered_model_until_it_is_gone() -> None:
    newer = TABLE.with_version("surprise", 3)
    assert newer.models["surprise"] == ModelRoute("surprise", "serving", version=3)
    assert newer.without("surprise") == TABLE


def test_a_ramp_comes_and_goes_by_snapshots() -> None:
    ramping = TABLE.with_ramp("digits", Ramp(2, 10))
    assert ramping.models["digits"].ramp == Ramp(2, 10)
    assert ramping.with_ramp("digits", None) == TABLE


def test_a_table_cannot_be_changed_in_place() -> None:
    with pytest.raises(TypeError):
        TABLE.models["digits"] = ModelRoute("digits", "elsewhere")  # type: ignore[index]  # the refusal is what is tested


def test_a_reloaded_table_keeps_what_was_learned_about_followed_models_only() -> None:
    old = (
        TABLE.with_version("plain", 5)
        .with_version("surprise", 6)
        .with_version("digits", 7)
        .with_ramp("digits", Ramp(8, 10))
    )
    new = TABLE.learned_from(old)
    assert (new.models["plain"].version, new.models["surprise"].version) == (5, 6)
    assert new.models["digits"] == TABLE.models["digits"]


def test_a_model_that_moved_to_another_upstream_is_learned_anew() -> None:
    old = TABLE.with_version("plain", 5)
    moved = RouteTable.of([ModelRoute("plain", "elsewhere")])
    assert moved.learned_from(old).models["plain"].version is None
    assert RouteTable.of([]).learned_from(old).models == {}
