"""ModelServerConfig: from text or message to checked settings, with TensorFlow Serving's error texts. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from backend.errors import StartError, invalid_argument
from backend.policy import All, Latest, Specific, VersionPolicy

PLATFORM = "tensorflow"
# The message classes come from a package without type stubs.
ModelServerConfig = Any
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9.]*://")
_MODEL_TYPE_TENSORFLOW = 1


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """One model of the configuration; `platform` is what was written, already checked only for reloads that use it."""

    name: str
    base_path: str
    platform: str
    policy: VersionPolicy
    labels: dict[str, int]
    wants_request_log: bool


def parse_text(text: str, where: str) -> ModelServerConfig:
    """The text-format configuration as a message; an error names the file, line and column."""
    try:
        return text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    except text_format.ParseError as error:
        raise StartError(f"{where}: not a ModelServerConfig in protobuf text format: {error}") from error


def read_file(path: str) -> ModelServerConfig:
    """The configuration in a file; raises StartError."""
    try:
        return parse_text(Path(path).read_text(encoding="utf-8"), path)
    except (OSError, UnicodeDecodeError) as error:
        raise StartError(f"--model_config_file={path}: can't be read: {error}") from error


def single_model(name: str, base_path: str) -> ModelServerConfig:
    """The configuration that --model_name and --model_base_path stand for."""
    config = model_server_config_pb2.ModelServerConfig()
    config.model_config_list.config.add(name=name, base_path=base_path, model_platform=PLATFORM)
    return config


def kind(config: ModelServerConfig) -> str | None:
    """`model_config_list`, `custom_model_config` or None: nothing is set."""
    chosen: str | None = config.WhichOneof("config")
    return chosen


def check(new: ModelServerConfig, old: ModelServerConfig | None) -> None:
    """Refuse what TensorFlow Serving refuses at once: names listed twice, relative paths, a changed platform."""
    seen: set[str] = set()
    for model in new.model_config_list.config:
        if model.name in seen:
            raise invalid_argument(f"Illegal to list model {model.name} multiple times in config list")
        seen.add(model.name)
    for model in new.model_config_list.config:
        if not (model.base_path.startswith("/") or _SCHEME.match(model.base_path)):
            raise invalid_argument(
                f"Expected model {model.name} to have an absolute path or URI; got base_path()={model.base_path}"
            )
    if old is None or kind(old) != "model_config_list":
        return
    before = {model.name: _platform(model) for model in old.model_config_list.config}
    for model in new.model_config_list.config:
        if model.name in before and _platform(model) != before[model.name]:
            raise invalid_argument(
                f"Illegal to change a model's platform. For model {model.name} platform was {before[model.name]} "
                f"and new platform requested is {_platform(model)}"
            )


def settings(config: ModelServerConfig) -> tuple[ModelSettings, ...]:
    """The models of a checked configuration."""
    return tuple(
        ModelSettings(
            name=model.name,
            base_path=model.base_path,
            platform=model.model_platform,
            policy=_policy(model),
            labels=dict(model.version_labels),
            wants_request_log=model.HasField("logging_config"),
        )
        for model in config.model_config_list.config
    )


def check_platforms(config: ModelServerConfig) -> None:
    """Every model names a platform, and it is one that can be served."""
    for model in config.model_config_list.config:
        platform = _platform(model)
        if platform != PLATFORM:
            raise invalid_argument(f"Model {model.name} requests unsupported platform {platform}")


def check_request_logs(models: Sequence[ModelSettings]) -> None:
    """Request logging isn't built into the server, as in the open-source TensorFlow Serving."""
    if any(model.wants_request_log for model in models):
        raise invalid_argument("No request-logger-creator provided.")


def _platform(model: Any) -> str:
    if model.model_type:
        if model.model_platform:
            raise invalid_argument(
                "Illegal setting both ModelServerConfig::model_type (deprecated) and "
                f"ModelServerConfig::model_platform, model name is {model.name}"
            )
        if model.model_type != _MODEL_TYPE_TENSORFLOW:
            raise invalid_argument(f"ModelServerConfig::model_type choice {model.model_type} not supported.")
        return PLATFORM
    if not model.model_platform:
        raise invalid_argument(
            "Illegal setting neither ModelServerConfig::model_type (deprecated) nor "
            f"ModelServerConfig::model_platform, model name is {model.name}"
        )
    return str(model.model_platform)


def _policy(model: Any) -> VersionPolicy:
    policy = model.model_version_policy
    match policy.WhichOneof("policy_choice"):
        case "all":
            return All()
        case "specific":
            return Specific(frozenset(policy.specific.versions))
        case _:
            return Latest(policy.latest.num_versions or 1)
