"""Removal: a version goes in one step, used ones stay whatever was agreed."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from export import publish
from export.errors import BadServingFileError, DiskError, InUseUnknownError
from export.in_use import Sources, served
from export.publish import LOCK_NAME, Staging
from export.removal import Pruning, plan, remove, versions_seen
from export.retention import Use
from export.served_folders import ServedFolder
from export.versions import existing_versions, temporary_dirs


def no_gateway(names: Collection[str]) -> list[Use]:
    return []


def quietly(text: str) -> None:
    """Progress that nobody reads."""


def models(tmp_path: Path, policy: str = "latest { num_versions: 1 }", extra: str = "", name: str = "digits") -> Path:
    """A model of versions 1 to 5, served by this policy; returns its base path."""
    for version in range(1, 6):
        (tmp_path / "digits" / str(version) / "variables").mkdir(parents=True)
        (tmp_path / "digits" / str(version) / "saved_model.pb").write_text(str(version))
    (tmp_path / "models.config").write_text(
        f'model_config_list {{ config {{ name: "{name}" base_path: "/models/digits" model_platform: "tensorflow"\n'
        f"  model_version_policy {{ {policy} }} {extra} }} }}"
    )
    return tmp_path / "digits"


def pruning(base_path: Path, keep: int = 1, **sources: object) -> Pruning:
    given = {"config_paths": (base_path.parent / "models.config",), "gateway_uses": no_gateway, **sources}
    return Pruning((base_path,), keep, Sources(**given))  # type: ignore[arg-type]  # a test's short way to name them


def removed_by(asked: Pruning) -> dict[Path, tuple[int, ...]]:
    return {path: each.remove for path, each in plan(asked).items()}


def test_old_versions_go_and_nothing_is_left_of_them(tmp_path: Path) -> None:
    base = models(tmp_path)
    asked = pruning(base, keep=2)
    said: list[str] = []
    done = remove(asked, removed_by(asked), said.append)
    assert done.versions == {base: [1, 2, 3]}
    assert done.problems == []
    assert {path.name for path in base.iterdir()} == {"4", "5", LOCK_NAME}
    assert said == [f"Deleting digits version {version}" for version in (1, 2, 3)]


def test_served_and_labelled_versions_stay_also_under_another_name_or_path(tmp_path: Path) -> None:
    label = 'version_labels { key: "stable" value: 1 }'
    base = models(tmp_path, "specific { versions: 2 versions: 5 }", label, name="digits-prod")
    assert plan(pruning(base))[base].remove == (3, 4)
    assert served(tmp_path / "models.config", ServedFolder.of(base)).names == {"digits", "digits-prod"}


def test_what_a_gateway_uses_stays_asked_by_every_name_of_the_model(tmp_path: Path) -> None:
    base = models(tmp_path, name="digits-prod")
    asked_for: list[set[str]] = []

    def uses(names: Collection[str]) -> list[Use]:
        asked_for.append(set(names))
        return [Use(2, "promoted by the last rollout")]

    decided = plan(pruning(base, gateway_uses=uses))[base]
    assert decided.remove == (1, 3, 4)
    assert decided.stays[2] == ("promoted by the last rollout",)
    assert asked_for == [{"digits", "digits-prod"}]


def test_under_the_policy_all_nothing_is_removed_and_the_remedy_told(tmp_path: Path) -> None:
    base = models(tmp_path, "all {}")
    with pytest.raises(InUseUnknownError, match=r"servers load all its versions \(digits in models.config\).*specific"):
        plan(pruning(base))


def test_without_a_readable_models_config_nothing_is_removed(tmp_path: Path) -> None:
    base = models(tmp_path)
    (tmp_path / "models.config").unlink()
    with pytest.raises(InUseUnknownError, match=r"models.config: is not there.*--models-config"):
        plan(pruning(base))
    (tmp_path / "models.config").write_text("model_config_list { nonsense")
    with pytest.raises(InUseUnknownError, match="not a ModelServerConfig"):
        plan(pruning(base))
    with pytest.raises(BadServingFileError):
        served(tmp_path / "models.config", ServedFolder.of(base))


def test_every_model_that_cannot_be_pruned_is_named_at_once(tmp_path: Path) -> None:
    first, second = models(tmp_path, "all {}"), tmp_path / "other"
    second.mkdir()
    config = (tmp_path / "models.config").read_text().removesuffix("}")
    other = 'config { name: "other" base_path: "/models/other" model_version_policy { all {} } }'
    (tmp_path / "models.config").write_text(f"{config} {other} }}")
    with pytest.raises(InUseUnknownError, match=r"nothing was removed: 2 problems\n.*digits.*\n.*other"):
        plan(Pruning((first, second), 1, pruning(first).sources))


def test_a_version_that_came_into_use_after_it_was_agreed_stays(tmp_path: Path) -> None:
    base = models(tmp_path)
    asked = pruning(base)
    agreed = removed_by(asked)
    models_config = tmp_path / "models.config"
    models_config.write_text(
        models_config.read_text().replace("latest { num_versions: 1 }", "specific { versions: 3 }")
    )
    assert remove(asked, agreed, quietly).versions == {base: [1, 2, 4]}


def test_only_what_was_agreed_goes(tmp_path: Path) -> None:
    base = models(tmp_path)
    assert remove(pruning(base), {base: (2,)}, quietly).versions == {base: [2]}
    assert set(existing_versions(base)) == {1, 3, 4, 5}


def test_a_version_of_two_folders_is_left_to_a_person(tmp_path: Path) -> None:
    base = models(tmp_path)
    (base / "0002").mkdir()
    decided = plan(pruning(base))[base]
    assert decided.remove == (1, 3, 4)
    assert "several folders (0002, 2)" in decided.stays[2][0]


def test_a_version_that_is_a_link_goes_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    base = models(tmp_path)
    (base / "1").rename(tmp_path / "elsewhere")
    (base / "1").symlink_to(tmp_path / "elsewhere")
    asked = pruning(base, keep=4)
    assert remove(asked, removed_by(asked), quietly).versions == {base: [1]}
    assert (tmp_path / "elsewhere" / "saved_model.pb").read_text() == "1"
    assert not (base / "1").is_symlink() and not temporary_dirs(base)


def test_a_version_replaced_after_it_was_agreed_stays(tmp_path: Path) -> None:
    base = models(tmp_path)
    asked = pruning(base)
    seen = versions_seen(asked)
    (base / "2").rename(tmp_path / "elsewhere")
    (base / "2").mkdir()
    done = remove(asked, removed_by(asked), quietly, seen)
    assert done.versions == {base: [1, 3, 4]}
    assert done.problems == [f"{base / '2'}: changed since it was agreed to remove it; it was left as it is"]


def test_what_was_removed_is_told_also_when_a_later_model_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "LOCK_TIMEOUT_S", 0.05)
    base, other = models(tmp_path), tmp_path / "other"
    (other / "1").mkdir(parents=True)
    asked = Pruning((base, other), 1, pruning(base).sources)
    with lock_held(other):
        done = remove(asked, removed_by(asked), quietly)
    assert done.versions == {base: [1, 2, 3, 4]}
    assert len(done.problems) == 1 and "has held this lock" in done.problems[0]


def test_a_models_config_in_the_models_own_folder_is_no_lock_on_oneself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "LOCK_TIMEOUT_S", 0.05)
    base = models(tmp_path)
    (tmp_path / "models.config").rename(base / "models.config")
    asked = pruning(base, config_paths=(base / "models.config",))
    assert remove(asked, removed_by(asked), quietly).versions == {base: [1, 2, 3, 4]}


@contextmanager
def lock_held(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)


@pytest.mark.parametrize("where", ["digits", "."])
def test_an_export_or_a_rollout_that_holds_its_lock_is_waited_for(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "LOCK_TIMEOUT_S", 0.05)
    base = models(tmp_path)
    asked = pruning(base)
    with lock_held(tmp_path / where), pytest.raises(DiskError, match="another export or a rollout has held this lock"):
        remove(asked, removed_by(asked), quietly)
    assert set(existing_versions(base)) == {1, 2, 3, 4, 5}


def test_an_export_that_is_being_written_is_left_alone(tmp_path: Path) -> None:
    base = models(tmp_path)
    asked = pruning(base)
    with Staging(base, None) as staging:
        (staging.path / "saved_model.pb").write_text("6")
        remove(asked, removed_by(asked), quietly)
        assert staging.publish().name == "6"
    assert set(existing_versions(base)) == {5, 6}
