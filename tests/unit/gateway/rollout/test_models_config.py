"""Editing a model configuration keeps everything but one model's versions."""

from __future__ import annotations

import pytest

from gateway.rollout.models_config import (
    UnfitModelsConfig,
    base_path,
    edit,
    edit_problems,
    parse,
    reload_request,
    specific_versions,
)
from protos.stubs.tidegate.wire.v1 import management_pb2

TEXT = """\
# Ours: edited by tidegate rollout.

model_config_list {
  config { name: "zebra" base_path: "/models/zebra" model_platform: "tensorflow" }
  config {
    name: "digits"
    base_path: "/models/digits"
    model_platform: "tensorflow"
    model_version_policy { specific { versions: 2 versions: 1 } }
    version_labels { key: "stable" value: 1 }
  }
  config {
    name: "apes"
    base_path: "/models/apes"
    model_platform: "tensorflow"
    model_version_policy { latest { num_versions: 1 } }
  }
}
"""


def test_adding_a_version_keeps_order_other_models_labels_and_head_comments() -> None:
    edited = edit(TEXT, "digits", add={3})
    assert edited.startswith("# Ours: edited by tidegate rollout.\n\nmodel_config_list {")
    wanted = parse(TEXT)
    wanted.model_config_list.config[1].model_version_policy.specific.versions[:] = [1, 2, 3]
    assert parse(edited) == wanted


def test_an_edit_done_twice_is_done_once() -> None:
    once = edit(TEXT, "digits", add={3}, remove={2})
    assert edit(once, "digits", add={3}, remove={2}) == once
    assert specific_versions(once, "digits") == (1, 3)


def test_a_version_that_a_label_points_to_is_not_removed() -> None:
    problems = edit_problems(TEXT, "digits", {1})
    assert problems == [
        "label 'stable' of model digits points to version 1, which would be unloaded: declare the label in"
        " gateway.yaml instead and take it out here, or keep the old version (--keep-old)"
    ]
    assert edit_problems(TEXT, "digits", {2}) == []


def test_the_last_version_is_not_removed() -> None:
    assert "no version of model digits would be left" in edit_problems(TEXT, "digits", {1, 2})


@pytest.mark.parametrize(
    ("text", "model", "words"),
    [
        (
            TEXT,
            "apes",
            "has the version policy latest, under which the server unloads versions by itself; write model_v",
        ),
        (TEXT, "zebra", "has the version policy latest \\(the default\\)"),
        (TEXT, "lion", "model lion is not in it; it has: apes, digits, zebra"),
        (TEXT.replace("apes", "digits"), "digits", "model digits is in it 2 times"),
        ("", "digits", "has no model_config_list; a rollout needs one"),
        ("model_config_list {}", "digits", "it has: none"),
        ("model_config_list { config { nam: 'x' } }", "digits", 'no field named "nam"'),
        ("model_config_list {", "digits", "not a model configuration that Tidegate can rewrite without loss"),
    ],
)
def test_an_unfit_configuration_says_what_is_wrong(text: str, model: str, words: str) -> None:
    with pytest.raises(UnfitModelsConfig, match=words):
        edit(text, model, add={3})


def test_a_reload_carries_the_whole_text() -> None:
    request = management_pb2.ReloadConfigRequest.FromString(reload_request(TEXT))
    assert request.config == parse(TEXT)


def test_the_base_path_is_the_models_own() -> None:
    assert base_path(TEXT, "digits") == "/models/digits"
