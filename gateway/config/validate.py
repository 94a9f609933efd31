"""The schema's verdict on a document, in our words: place, what came, what was wanted, what to do."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator

import pydantic
from pydantic import BaseModel
from pydantic_core import ErrorDetails

from gateway.config.problems import Place, Problem, near, show, suggestion
from gateway.config.schema import Configuration

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a finite number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a section of keys",
    "model_type": "a section of keys",
}
_BOUNDS = {
    "greater_than": "more than",
    "greater_than_equal": "at least",
    "less_than": "less than",
    "less_than_equal": "at most",
}


def validate(document: object) -> tuple[Configuration | None, list[Problem]]:
    """The configuration, or None and every way in which the document breaks the schema."""
    try:
        return Configuration.model_validate(document), []
    except pydantic.ValidationError as error:
        return None, [_problem(details) for details in error.errors(include_url=False) if not _is_told(details)]


def _problem(details: ErrorDetails) -> Problem:
    place = details["loc"]
    if place and place[-1] == "[key]":
        return Problem(place[:-1], _explain_text(details))
    return Problem(place, _explain(details, place))


def _is_told(details: ErrorDetails) -> bool:
    """Whether the reader of the YAML has refused it already: a key that is no text."""
    return details["type"] == "invalid_key" or (details["loc"][-1:] == ("[key]",) and details["type"] == "string_type")


def _explain(details: ErrorDetails, place: Place) -> str:
    kind, came, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "missing":
        return "is missing and has no default"
    if kind == "extra_forbidden":
        return f"unknown key{suggestion(place[-1], keys_at(place[:-1]))}"
    if kind in _KINDS and came is None:
        return f"is empty, wanted {_KINDS[kind]}; give it a value or remove the key"
    if kind in _KINDS:
        unquoted = kind == "string_type" and isinstance(came, (bool, int, float))
        return f"got {show(came)}, wanted {_KINDS[kind]}{'; quote it' if unquoted else ''}"
    if kind in _BOUNDS:
        return f"got {show(came)}, must be {_BOUNDS[kind]} {next(iter(context.values())):g}"
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        return f"got {show(came)}, must be one of {', '.join(choices)}{near(came, choices)}"
    if kind in {"too_short", "too_long"}:
        bound = f"at least {context['min_length']}" if kind == "too_short" else f"at most {context['max_length']}"
        return f"has {context['actual_length']} entries, must have {bound}"
    return _explain_text(details)


def _explain_text(details: ErrorDetails) -> str:
    kind, came, context = details["type"], details["input"], details.get("ctx", {})
    if kind == "string_pattern_mismatch" and "A-Z" in context["pattern"]:
        return f"name {show(came)} has other characters than A-Z a-z 0-9 . _ -"
    if kind == "string_pattern_mismatch":
        return f"header name {show(came)} must be of a-z 0-9 . _ - (gRPC header names are lower-case)"
    if kind in {"string_too_long", "string_too_short"}:
        bound = f"at most {context['max_length']}" if kind == "string_too_long" else f"at least {context['min_length']}"
        return f"{show(came)} has {len(str(came))} characters, must have {bound}"
    return f"got {show(came)}: {details['msg']}"


def keys_at(place: Place) -> list[str]:
    """The keys that the schema knows in the section at this place; empty where keys are free."""
    section: object = Configuration
    for part in place:
        inner = next(_sections_in(section, part), None)
        if inner is None:
            return []
        section = inner
    return list(section.model_fields) if isinstance(section, type) and issubclass(section, BaseModel) else []


def _sections_in(holder: object, part: str | int) -> Iterator[object]:
    """What stands under key or position `part` of a section, mapping or list type."""
    if isinstance(holder, type) and issubclass(holder, BaseModel):
        field = holder.model_fields.get(str(part))
        if field is not None:
            yield from _unwrapped(field.annotation)
    else:
        yield from _unwrapped(typing.get_args(holder)[-1])


def _unwrapped(annotation: object) -> Iterator[object]:
    """The section, mapping or list type in an annotation like `X | None`; nothing for scalars."""
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        for member in typing.get_args(annotation):
            yield from _unwrapped(member)
    elif typing.get_origin(annotation) in {dict, list} or (
        isinstance(annotation, type) and issubclass(annotation, BaseModel)
    ):
        yield annotation
