"""Version labels: which label means which version, and when it may be moved. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from backend.config import ModelSettings
from backend.errors import Code, ServingError, failed_precondition, invalid_argument

LabelMap = Mapping[str, Mapping[str, int]]


def version_of(labels: LabelMap | None, model: str, label: str) -> int:
    """The version behind a label; None as `labels` means that no configuration has been applied yet."""
    if labels is None:
        raise ServingError(Code.UNAVAILABLE, f"Model labels does not init yet.{label}")
    version = labels.get(model, {}).get(label)
    if version is None:
        raise invalid_argument(f"Unrecognized servable version label: {label}")
    return version


def next_labels(
    models: Iterable[ModelSettings],
    available: Mapping[str, frozenset[int]],
    current: LabelMap | None,
    allow_unavailable: bool,
) -> dict[str, dict[str, int]]:
    """The labels after a reload.

    A label may point only to an AVAILABLE version; with `allow_unavailable` also to another one, but only if the label
    is not in use for a different version. Raises FAILED_PRECONDITION, and then nothing of the reload takes place.
    """
    result: dict[str, dict[str, int]] = {}
    for model in models:
        for label, version in sorted(model.labels.items()):
            in_use = (current or {}).get(model.name, {}).get(label)
            may_wait = allow_unavailable and in_use in (None, version)
            if not may_wait and version not in available.get(model.name, frozenset()):
                raise failed_precondition(
                    f"Request to assign label to version {version} of model {model.name}, "
                    "which is not currently available for inference"
                )
            result.setdefault(model.name, {})[label] = version
    return result
