"""Rules between the keys of one model: versions, labels, weights, arms, header rules."""

from __future__ import annotations

from collections.abc import Iterator

from gateway.config.problems import Place, Problem, show, suggestion
from gateway.config.raw import items, number, section, text
from gateway.routing.route import RESERVED_ARMS
from gateway.routing.split import slots_of


def check_model(model: dict[str, object], place: Place, allowed_headers: list[str]) -> list[Problem]:
    """Every rule that this model's section breaks."""
    split = section(model.get("split"))
    arms = [section(arm) for arm in items(split.get("arms"))]
    return [
        *_versions(model, place),
        *_weights(arms, (*place, "split")),
        *_arm_names(arms, (*place, "split", "arms")),
        *_arm_versions(arms, section(model.get("labels")), (*place, "split", "arms")),
        *_key_header(split, (*place, "split", "key_header"), allowed_headers),
        *_header_rules(model, arms, (*place, "header_rules"), allowed_headers),
    ]


def _versions(model: dict[str, object], place: Place) -> Iterator[Problem]:
    version = model.get("version")
    if model.get("versions") == "managed" and version is None:
        yield Problem((*place, "version"), "is missing; versions: managed needs the version to start from")
    if model.get("versions", "follow") == "follow" and version is not None:
        yield Problem((*place, "version"), "is only for versions: managed; remove it, or set versions: managed")


def _weights(arms: list[dict[str, object]], place: Place) -> Iterator[Problem]:
    weights = [number(arm.get("weight")) for arm in arms]
    known = [weight for weight in weights if weight is not None and 0 <= weight <= 100]
    for position, weight in enumerate(weights):
        if weight in known and not _is_fine(weight):
            yield Problem((*place, "arms", position, "weight"), f"got {weight}, must be in steps of 0.01")
    total = round(sum(known), 6)
    if arms and len(known) == len(arms) and total != 100:
        yield Problem(place, f"weights sum to {total:g}, must sum to 100")


def _is_fine(weight: float | None) -> bool:
    try:
        return weight is not None and slots_of(weight) >= 0
    except ValueError:
        return False


def _arm_names(arms: list[dict[str, object]], place: Place) -> Iterator[Problem]:
    seen: dict[str, int] = {}
    for position, name in enumerate(text(arm.get("name")) for arm in arms):
        if name is None:
            continue
        if name in seen:
            yield Problem(
                (*place, position, "name"), f"{show(name)} is already the name of arms[{seen[name]}]; names must differ"
            )
        if name in RESERVED_ARMS:
            yield Problem(
                (*place, position, "name"), f"{show(name)} is reserved for calls that name a {name}; take another name"
            )
        seen.setdefault(name, position)


def _arm_versions(arms: list[dict[str, object]], labels: dict[str, object], place: Place) -> Iterator[Problem]:
    for position, arm in enumerate(arms):
        label = arm.get("version_label")
        if label is not None and arm.get("version") is not None:
            yield Problem((*place, position), "has both version and version_label; give one of them, or none")
        if text(label) is not None and label not in labels:
            where = (*place, position, "version_label")
            yield Problem(where, f"{show(label)} is not declared{suggestion(label, labels) or '; add it to labels'}")


def _key_header(split: dict[str, object], place: Place, allowed_headers: list[str]) -> Iterator[Problem]:
    header = split.get("key_header")
    if text(header) is not None and header == str(header).lower() and header not in allowed_headers:
        yield Problem(place, f"{show(header)} is not one of routing_headers; add it there")


def _header_rules(
    model: dict[str, object], arms: list[dict[str, object]], place: Place, allowed: list[str]
) -> Iterator[Problem]:
    names = [name for name in (text(arm.get("name")) for arm in arms) if name is not None]
    for position, rule in enumerate(map(section, items(model.get("header_rules")))):
        arm, header = text(rule.get("arm")), text(rule.get("header"))
        if arm is not None and not names:
            yield Problem((*place, position, "arm"), "there are no arms: the model has no split; give it one")
        elif arm is not None and arm not in names:
            yield Problem((*place, position, "arm"), f"{show(arm)} is not an arm of split{suggestion(arm, names)}")
        if header is not None and header == header.lower() and header not in allowed:
            yield Problem((*place, position, "header"), f"{show(header)} is not one of routing_headers; add it there")
        if header is not None and header.endswith("-bin"):
            yield Problem(
                (*place, position, "header"), f"{show(header)} holds bytes, which no text value equals; take another"
            )
