"""Say in words, with the place in the file and a near name, what pydantic found wrong with a spec."""

from __future__ import annotations

import typing
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from export.preprocess.schema import SpecFile

Place = tuple[str | int, ...]


def schema_problems(error: ValidationError) -> list[str]:
    """One line for each mistake: its place, what came, what was wanted."""
    return [f"{show_place(one['loc'])}: {_words(one)}" for one in error.errors()]


def show_place(place: Place) -> str:
    """signatures.from_images.inputs.image.steps[1].resize."""
    text = ""
    for part in place:
        text += f"[{part}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return text or "(the file)"


def near(wrong: str, known: Iterable[str]) -> str:
    """`; did you mean "x"?` when a known name is close, else what there is to choose from."""
    names = sorted(known)
    close = get_close_matches(wrong, names, n=1)
    if close:
        return f'; did you mean "{close[0]}"?'
    return f"; known: {', '.join(names)}" if names else ""


def _words(error: Any) -> str:
    kind, place = error["type"], error["loc"]
    if kind == "extra_forbidden":
        return f"unknown key{near(str(place[-1]), keys_at(place[:-1]))}"
    if kind == "missing":
        return "is missing"
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        return f"got {_show(error['input'])}, wanted keys and values"
    message = str(error["msg"]).removeprefix("Value error, ")
    if kind == "value_error":
        return message
    return f"got {_show(error['input'])}; {message[0].lower()}{message[1:]}"


def _show(value: object) -> str:
    if value is None:
        return "nothing"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def keys_at(place: Place) -> list[str]:
    """The keys that may stand at a place of the file; empty where they are the user's own names."""
    model: type[BaseModel] = SpecFile
    is_named = False  # the next part is a user's name or a position in a list
    for part in place:
        if is_named:
            is_named = False
            continue
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if part not in fields:
            return []
        annotation = fields[str(part)].annotation
        nested = _model_in(annotation)
        if nested is None:
            return []
        model, is_named = nested, typing.get_origin(annotation) in {dict, list}
    return [] if is_named else [field.alias or name for name, field in model.model_fields.items()]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The section's class inside `X | None`, `list[X]` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for one in typing.get_args(annotation) if (found := _model_in(one))), None)
