"""models.config: which servables a server loads; read, one model merged into it, written again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from export.errors import BadServingFileError
from export.options import ExportOptions, VersionPolicy
from export.out_names import MODELS_CONFIG

_MODELS_HEADER = """\
# The servables TensorFlow Serving loads (--model_config_file): a tensorflow.serving.ModelServerConfig.
# Written by `tidegate export`, which keeps the other models, and this model's version policy and labels unless
# --version-policy is given. A file that needs no change stays as it is; else comments of your own are not kept.
"""


def read_models_config(path: Path) -> Any:
    """Parse a ModelServerConfig; an empty one when there is no file. Raises: BadServingFileError, file untouched."""
    from google.protobuf import text_format
    from tensorflow_serving.config import model_server_config_pb2

    config = model_server_config_pb2.ModelServerConfig()
    if not path.exists():
        return config
    try:
        text_format.Parse(path.read_text(encoding="utf-8"), config)
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise BadServingFileError(f"{path}: not a ModelServerConfig: {error}; repair or remove it") from error
    if config.HasField("custom_model_config"):
        raise BadServingFileError(f"{path}: holds custom_model_config; TensorFlow Serving crashes on it; remove it")
    return config


def merge_model(config: Any, options: ExportOptions, version: int, served_dir: str, notes: list[str]) -> bool:
    """Add the model to a ModelServerConfig, or update it: base path and policy when given, labels kept.

    served_dir: where the server sees the output folder, no slash at its end. Return whether that changed anything.
    """
    before = config.SerializeToString(deterministic=True)
    models = config.model_config_list.config
    entry = next((model for model in models if model.name == options.name), None)
    is_new = entry is None
    if entry is None:
        entry = models.add(name=options.name)
    if is_new or options.served_base_path is not None:
        entry.base_path = f"{served_dir}/{options.name}"
    entry.model_platform = "tensorflow"
    if options.version_policy is not None:
        _set_policy(entry, options.version_policy)
    elif is_new:
        _set_policy(entry, VersionPolicy(latest_count=1))
    if not is_loaded(entry.model_version_policy, version):
        notes.append(
            f"{MODELS_CONFIG} names the versions of {options.name!r} to load, and version {version} isn't among them: "
            "move to it by `tidegate rollout start`, or pass --version-policy"
        )
    return bool(config.SerializeToString(deterministic=True) != before)


def _set_policy(entry: Any, policy: VersionPolicy) -> None:
    entry.ClearField("model_version_policy")
    if policy.latest_count is not None:
        entry.model_version_policy.latest.num_versions = policy.latest_count
    elif policy.is_all:
        entry.model_version_policy.all.SetInParent()
    else:
        entry.model_version_policy.specific.versions.extend(policy.specific)


def is_loaded(policy: Any, version: int) -> bool:
    """Whether a ServableVersionPolicy could load this version; `latest` does when it is high enough."""
    return policy.WhichOneof("policy_choice") != "specific" or version in policy.specific.versions


def models_config_text(config: Any) -> str:
    """Write a ModelServerConfig as TensorFlow Serving reads it."""
    from google.protobuf import text_format

    return _MODELS_HEADER + str(text_format.MessageToString(config))
