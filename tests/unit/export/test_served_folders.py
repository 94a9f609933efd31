"""A served folder is known by its path, by links to it and by its names; what can't be known is not taken for known."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.retention import Use
from export.served_folders import ServedFolder, distinct, linked_versions


@pytest.fixture(name="base")
def _base(tmp_path: Path) -> Path:
    """`digits` of versions 1 and 2 in an output folder, with an empty folder beside it."""
    out = tmp_path / "out"
    for name in ("digits/1", "digits/2", "empty", ".hidden"):
        (out / name).mkdir(parents=True)
    return out / "digits"


def test_an_entry_is_of_the_folder_by_its_name_or_its_paths_last_part(base: Path) -> None:
    folder = ServedFolder.of(base)
    assert folder.is_of("digits", "/srv/x")
    assert folder.is_of("x", "/srv/digits/")
    assert folder.is_of("x", "gs://bucket/digits")
    assert not folder.is_of("x", "/srv/digits/x")
    assert not folder.is_of("x", "")


def test_a_link_beside_the_folder_is_a_name_of_it(base: Path) -> None:
    (base.parent / "prod").symlink_to("digits")
    (base.parent / "broken").symlink_to("gone")
    assert ServedFolder.of(base).names == {"digits", "prod"}
    assert ServedFolder.of(base.parent / "prod").names == {"digits", "prod"}
    assert ServedFolder.of(base).is_of("p", "/models/prod")


def test_a_folder_that_is_a_link_has_the_name_of_what_it_leads_to(base: Path, tmp_path: Path) -> None:
    base.rename(tmp_path / "digits-v2")
    base.symlink_to(tmp_path / "digits-v2")
    assert ServedFolder.of(base).is_of("p", "/models/digits-v2")
    assert ServedFolder.of(base).is_of("p", str(tmp_path / "digits-v2"))


@pytest.mark.parametrize("scheme", ["", "file://"])
def test_a_link_from_elsewhere_is_followed(scheme: str, base: Path, tmp_path: Path) -> None:
    (tmp_path / "served").symlink_to(base)
    folder = ServedFolder.of(base)
    assert folder.is_of("p", f"{scheme}{tmp_path}/served")
    assert folder.is_placed("p", f"{scheme}{tmp_path}/served")


def test_an_entry_is_placed_where_its_folder_is_here_or_beside(base: Path, tmp_path: Path) -> None:
    folder = ServedFolder.of(base)
    (tmp_path / "other" / "words" / "1").mkdir(parents=True)
    (tmp_path / "other" / "bare").mkdir()
    assert folder.is_placed("words", str(tmp_path / "other" / "words"))
    assert folder.is_placed("x", "/models/empty")
    assert not folder.is_placed("bare", str(tmp_path / "other" / "bare"))
    assert not folder.is_placed("digits", "/srv/mnist")  # a name doesn't say which folder it is
    assert not folder.is_placed("x", "/srv/.hidden")
    assert not folder.is_placed("x", "gs://bucket/x")


def test_what_was_told_counts_before_names(base: Path) -> None:
    folder = ServedFolder.of(base, {"mnist": base, "digits": base.parent / "empty", "far": None})
    assert folder.is_of("mnist", "/srv/mnist")
    assert not folder.is_of("digits", "/models/digits")
    assert not folder.is_of("far", "/models/digits")
    assert all(folder.is_placed(name, "/srv/x") for name in ("mnist", "digits", "far"))


def test_a_folder_and_a_link_to_it_are_one_by_the_folders_own_name(base: Path) -> None:
    (base.parent / "a").symlink_to("digits")
    assert distinct([base.parent / "a", base, base.parent / "empty"]) == [base, base.parent / "empty"]
    assert distinct([base.parent / "a"]) == [base.parent / "a"]


def test_versions_that_links_lead_to_are_in_use_also_over_another_link(base: Path) -> None:
    out = base.parent
    (out / "prod").mkdir()
    (out / "prod" / "7").symlink_to("../current")
    (out / "current").symlink_to(base / "2")
    (out / "stray").symlink_to(base)
    (base / "loop").symlink_to("loop")
    assert linked_versions(base) == [
        Use(2, f"{out / 'current'} is a link to it"),
        Use(2, f"{out / 'prod' / '7'} is a link to it"),
    ]
    assert linked_versions(out / "prod") == []


def test_a_link_that_is_itself_linked_to_is_in_use(base: Path, tmp_path: Path) -> None:
    (base / "1").rename(tmp_path / "one")
    (base / "1").symlink_to(tmp_path / "one")
    (base.parent / "current").symlink_to("digits/1")
    assert linked_versions(base) == [Use(1, f"{base.parent / 'current'} is a link to it")]
