"""Promises of backend.config and backend.labels: accepted and refused in TensorFlow Serving's words."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend import config
from backend.errors import Code, ServingError, StartError
from backend.labels import next_labels, version_of
from backend.policy import All, Latest, Specific

ONE = 'config { name: "a" base_path: "/m/a" model_platform: "tensorflow" %s }'


def _config(*models: str) -> config.ModelServerConfig:
    return config.parse_text("model_config_list { " + " ".join(models) + " }", "test")


def _refusal(new: config.ModelServerConfig, old: config.ModelServerConfig | None = None) -> str:
    with pytest.raises(ServingError) as error:
        config.check(new, old)
        config.check_platforms(new)
        config.check_request_logs(config.settings(new))
    assert error.value.code is Code.INVALID_ARGUMENT
    return error.value.message


@pytest.mark.parametrize(
    ("policy", "wanted"),
    [
        ("", Latest(1)),
        ("model_version_policy { latest { num_versions: 3 } }", Latest(3)),
        ("model_version_policy { latest { num_versions: 0 } }", Latest(1)),
        ("model_version_policy { all {} }", All()),
        ("model_version_policy { specific { versions: 1 versions: 2 } }", Specific(frozenset({1, 2}))),
    ],
)
def test_policies_and_labels_are_read(policy: str, wanted: object) -> None:
    text = policy + ' version_labels { key: "stable" value: 4 }'
    (model,) = config.settings(_config(ONE % text))
    assert (model.name, model.base_path, model.policy, model.labels) == ("a", "/m/a", wanted, {"stable": 4})


def test_a_model_listed_twice_is_refused() -> None:
    assert _refusal(_config(ONE % "", ONE % "")) == "Illegal to list model a multiple times in config list"


def test_a_relative_path_is_refused_but_a_uri_is_not() -> None:
    assert _refusal(_config('config { name: "a" base_path: "m" model_platform: "tensorflow" }')) == (
        "Expected model a to have an absolute path or URI; got base_path()=m"
    )
    config.check(_config('config { name: "a" base_path: "gs://m" model_platform: "tensorflow" }'), None)


def test_the_platform_must_be_tensorflow_and_stay_so() -> None:
    other = _config('config { name: "a" base_path: "/m" model_platform: "onnx" }')
    assert _refusal(other) == "Model a requests unsupported platform onnx"
    assert _refusal(other, _config(ONE % "")) == (
        "Illegal to change a model's platform. For model a platform was tensorflow and new platform requested is onnx"
    )
    assert "Illegal setting neither" in _refusal(_config('config { name: "a" base_path: "/m" }'))
    assert "Illegal setting both" in _refusal(_config(ONE % "model_type: TENSORFLOW"))
    assert "not supported" in _refusal(_config('config { name: "a" base_path: "/m" model_type: OTHER }'))
    config.check_platforms(_config('config { name: "a" base_path: "/m" model_type: TENSORFLOW }'))


def test_request_logging_is_refused() -> None:
    assert _refusal(_config(ONE % "logging_config {}")) == "No request-logger-creator provided."


def test_a_file_that_cannot_be_read_says_where(tmp_path: Path) -> None:
    path = tmp_path / "models.config"
    with pytest.raises(StartError, match=r"models\.config: can't be read"):
        config.read_file(str(path))
    path.write_text("model_config_list {\n  confg {}\n}")
    with pytest.raises(StartError, match=r"models\.config: .*2:3.*confg"):
        config.read_file(str(path))


def test_an_empty_configuration_differs_from_an_empty_list() -> None:
    assert config.kind(config.parse_text("", "x")) is None
    assert config.kind(config.parse_text("model_config_list {}", "x")) == "model_config_list"


def _models(**labels: int) -> tuple[config.ModelSettings, ...]:
    text = " ".join(f'version_labels {{ key: "{key}" value: {value} }}' for key, value in labels.items())
    return config.settings(_config(ONE % text))


def test_a_label_needs_an_available_version() -> None:
    assert next_labels(_models(stable=1), {"a": frozenset({1})}, None, False) == {"a": {"stable": 1}}
    with pytest.raises(ServingError) as error:
        next_labels(_models(stable=2), {"a": frozenset({1})}, None, False)
    assert (error.value.code, error.value.message) == (
        Code.FAILED_PRECONDITION,
        "Request to assign label to version 2 of model a, which is not currently available for inference",
    )


def test_an_unused_label_may_wait_for_its_version_if_allowed_but_a_used_one_may_not_move_early() -> None:
    waiting = next_labels(_models(canary=2), {}, None, True)
    assert waiting == {"a": {"canary": 2}}
    assert next_labels(_models(canary=2), {}, waiting, True) == waiting
    with pytest.raises(ServingError, match="version 3 of model a"):
        next_labels(_models(canary=3), {}, waiting, True)


def test_labels_resolve_or_say_why_not() -> None:
    assert version_of({"a": {"stable": 1}}, "a", "stable") == 1
    with pytest.raises(ServingError, match=r"^INVALID_ARGUMENT: Unrecognized servable version label: x$"):
        version_of({"a": {"stable": 1}}, "b", "x")
    with pytest.raises(ServingError, match=r"^UNAVAILABLE: Model labels does not init yet.x$"):
        version_of(None, "a", "x")
