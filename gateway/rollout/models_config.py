"""Edits the text of a TensorFlow Serving model configuration: one model's specific versions, all else kept.

Pure. The text is a ModelServerConfig in protobuf text format, what --model_config_file takes.
"""

from __future__ import annotations

from collections.abc import Collection

from google.protobuf import text_format

from protos.stubs.tidegate.wire.v1 import management_pb2


class UnfitModelsConfig(Exception):
    """The text cannot be used for a rollout; `problems` says each reason and what to do."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(problems))


def parse(text: str) -> management_pb2.ModelServerConfig:
    """Raises: UnfitModelsConfig when the text is no model_config_list, or has fields that Tidegate would lose."""
    config = management_pb2.ModelServerConfig()
    try:
        text_format.Parse(text, config)
    except text_format.ParseError as error:
        raise UnfitModelsConfig(
            [f"not a model configuration that Tidegate can rewrite without loss: {error}"]
        ) from error
    if config.WhichOneof("config") != "model_config_list":
        raise UnfitModelsConfig(["has no model_config_list; a rollout needs one with the model in it"])
    return config


def specific_versions(text: str, model: str) -> tuple[int, ...]:
    """The versions that the model is configured to serve. Raises: UnfitModelsConfig."""
    return tuple(_model(parse(text), model).model_version_policy.specific.versions)


def edit_problems(text: str, model: str, remove: Collection[int] = ()) -> list[str]:
    """Why `edit` would refuse; empty when it would not."""
    try:
        edit(text, model, remove=remove)
    except UnfitModelsConfig as error:
        return list(error.problems)
    return []


def edit(text: str, model: str, *, add: Collection[int] = (), remove: Collection[int] = ()) -> str:
    """The text with these versions of the model added and removed (sorted); comments at its head stay.

    Raises: UnfitModelsConfig, also when a label of the model points to a version that would go (the server would
    refuse such a reload), or when none would be left.
    """
    config = parse(text)
    entry = _model(config, model)
    versions = sorted({*entry.model_version_policy.specific.versions, *add} - set(remove))
    problems = [
        f"label {label!r} of model {model} points to version {version}, which would be unloaded: declare the label in"
        " gateway.yaml instead and take it out here, or keep the old version (--keep-old)"
        for label, version in sorted(entry.version_labels.items())
        if version in remove
    ]
    if not versions:
        problems.append(f"no version of model {model} would be left")
    if problems:
        raise UnfitModelsConfig(problems)
    entry.model_version_policy.specific.versions[:] = versions
    return _head_comments(text) + text_format.MessageToString(config)


def reload_request(text: str) -> bytes:
    """The serialized ReloadConfigRequest that carries the whole of the text. Raises: UnfitModelsConfig."""
    return management_pb2.ReloadConfigRequest(config=parse(text)).SerializeToString()


def base_path(text: str, model: str) -> str:
    """Where the model servers read the model from, as they name it. Raises: UnfitModelsConfig."""
    return _model(parse(text), model).base_path


def _model(config: management_pb2.ModelServerConfig, model: str) -> management_pb2.ModelConfig:
    """The one entry of the model, with a specific policy. Raises: UnfitModelsConfig."""
    entries = [entry for entry in config.model_config_list.config if entry.name == model]
    if len(entries) != 1:
        names = ", ".join(sorted({entry.name for entry in config.model_config_list.config})) or "none"
        times = "is not in it" if not entries else f"is in it {len(entries)} times"
        raise UnfitModelsConfig([f"model {model} {times}; it has: {names}"])
    policy = entries[0].model_version_policy.WhichOneof("policy_choice")
    if policy != "specific":
        word = policy or "latest (the default)"
        wanted = "model_version_policy { specific { versions: N } } with the versions served now"
        raise UnfitModelsConfig(
            [
                f"model {model} has the version policy {word}, under which the server unloads versions by itself;"
                f" write {wanted}"
            ]
        )
    return entries[0]


def _head_comments(text: str) -> str:
    head = []
    for line in text.splitlines(keepends=True):
        if line.strip() and not line.lstrip().startswith("#"):
            break
        head.append(line)
    return "".join(head)
