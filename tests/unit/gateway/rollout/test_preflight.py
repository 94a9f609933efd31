"""What must hold before a rollout starts; each refusal says what to do, and nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.rollout.ports import Mode
from gateway.rollout.preflight import Wish, preflight
from gateway.rollout.refused import Cause, Refused
from tests.unit.gateway.rollout.world import World, config_text


class Unconfigured(World):
    """Its upstream names no models_config."""

    def models_config_path(self, model: str) -> Path | None:
        return None


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path / "models.config")


def test_a_version_not_in_the_file_is_one_the_rollout_adds(world: World) -> None:
    assert preflight(Wish("digits", 3), world, None).added
    world.path.write_text(config_text(digits=[1, 3]))
    assert not preflight(Wish("digits", 3), world, None).added


def follow(world: World) -> None:
    world.modes["digits"] = Mode.FOLLOW


def unpromoted(world: World) -> None:
    del world.promoted["digits"]


def no_file(world: World) -> None:
    world.path.unlink()


def latest(world: World) -> None:
    text = 'model_config_list { config { name: "digits" model_version_policy { latest { num_versions: 1 } } } }'
    world.path.write_text(text)


def other_version(world: World) -> None:
    world.path.write_text(config_text(digits=[2]))


def labelled(world: World) -> None:
    text = config_text(digits=[1]).replace("model_platform", 'version_labels { key: "x" value: 1 } model_platform')
    world.path.write_text(text)


def no_folder(world: World) -> None:
    base = world.path.parent / "digits"
    (base / "00001").mkdir(parents=True)
    (base / "2").mkdir()
    (base / ".3.tmp-x").mkdir()
    world.path.write_text(config_text(digits=[1]).replace("/nowhere/digits", str(base)))


@pytest.mark.parametrize(
    ("spoil", "cause", "words"),
    [
        (follow, Cause.NOT_NOW, "versions is follow, so its versions move by themselves; set versions: managed"),
        (unpromoted, Cause.NOT_NOW, "no version is promoted yet"),
        (no_file, Cause.NOT_NOW, "models.config: cannot be read: .*No such file"),
        (latest, Cause.NOT_NOW, "models.config: model digits has the version policy latest"),
        (other_version, Cause.NOT_NOW, r"version 1 of model digits is promoted but not in it \(it has \[2\]\)"),
        (labelled, Cause.NOT_NOW, "label 'x' of model digits points to version 1, which would be unloaded"),
        (no_folder, Cause.NOT_NOW, r"base path .*/digits has no version 3; it has \[1, 2\]"),
    ],
)
def test_a_world_not_fit_for_a_rollout_is_told(
    world: World, spoil: Callable[[World], None], cause: Cause, words: str
) -> None:
    spoil(world)
    with pytest.raises(Refused, match=words) as refused:
        preflight(Wish("digits", 3), world, None)
    assert refused.value.cause is cause


@pytest.mark.parametrize(
    ("wish", "cause", "words"),
    [
        (Wish("digits", 1), Cause.INVALID, "to_version: 1 is the promoted version already"),
        (Wish("digits", 3, (50.0,)), Cause.INVALID, "ends at 50, must end at 100"),
        (Wish("lions", 3), Cause.UNKNOWN, "model lions: the gateway has no such model; `tidegate status` lists them"),
    ],
)
def test_a_wish_that_makes_no_sense_is_told(world: World, wish: Wish, cause: Cause, words: str) -> None:
    with pytest.raises(Refused, match=words) as refused:
        preflight(wish, world, None)
    assert refused.value.cause is cause


def test_every_problem_of_the_model_is_told_at_once(tmp_path: Path) -> None:
    world = Unconfigured(tmp_path / "models.config")
    follow(world)
    unpromoted(world)
    with pytest.raises(Refused) as refused:
        preflight(Wish("digits", 3), world, None)
    assert len(refused.value.problems) == 3
    assert "set it in gateway.yaml to the file that the model servers were started with" in refused.value.problems[1]


def test_a_label_on_the_old_version_is_no_problem_when_it_is_kept(world: World) -> None:
    labelled(world)
    assert preflight(Wish("digits", 3, keep_old=True), world, None).plan.keep_old


def test_a_base_path_with_the_new_version_passes(world: World) -> None:
    no_folder(world)
    (world.path.parent / "digits" / "3").mkdir()
    assert preflight(Wish("digits", 3), world, None).added
