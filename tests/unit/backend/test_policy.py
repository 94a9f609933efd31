"""Promises of backend.policy: version directories are read and chosen as TensorFlow Serving does."""

from __future__ import annotations

import pytest

from backend.policy import All, Latest, Specific, VersionPolicy, choose, parse_version


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("1", 1),
        ("00000123", 123),
        ("-5", -5),
        ("+7", 7),
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        (".2.tmp-x", None),
        ("2.tmp", None),
        ("1_000", None),
        ("", None),
        ("٣", None),
    ],
)
def test_only_whole_numbers_are_versions(name: str, version: int | None) -> None:
    assert parse_version(name) == version


@pytest.mark.parametrize(
    ("policy", "versions"),
    [
        (Latest(), {12}),
        (Latest(0), {12}),
        (Latest(2), {2, 12}),
        (All(), {1, 2, 12}),
        (Specific(frozenset({1, 12})), {1, 12}),
        (Specific(frozenset()), set()),
    ],
)
def test_each_policy_picks_its_versions(policy: VersionPolicy, versions: set[int]) -> None:
    children = ["1", "2", "12", ".3.tmp-x", "notes.txt"]
    assert set(choose(policy, children, "m").versions) == versions


def test_of_two_names_for_one_version_the_last_one_wins_with_a_warning() -> None:
    choice = choose(All(), ["1", "0001"], "m")
    assert choice.versions == {1: "1"}
    assert choice.warnings == ("m: version 1 will be loaded from '1'; '0001' will be ignored",)


def test_missing_and_absent_versions_are_told() -> None:
    assert choose(Specific(frozenset({1, 9})), ["1"], "m").warnings == (
        "m: the policy wants versions [9], which are not in the base path",
    )
    assert "no versions found" in choose(Latest(), ["a"], "m").warnings[0]
