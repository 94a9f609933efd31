"""Writes docs/configuration.md from the schema: `python -m gateway.config.document`."""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from gateway.config.schema import Configuration

TARGET: Final = Path("docs/configuration.md")

INTRODUCTION: Final = """\
# Configuration

<!-- Generated from the schema by `python -m gateway.config.document`; edit the descriptions there. -->

Every key of `gateway.yaml`, which `tidegate gateway --config` reads; `serving_config/gateway.yaml` is an example with
comments. Keys that are not listed here are refused, and so is a key given twice; every problem is told at once, and the
exit status is 2. Words are read as YAML 1.2 reads them: `on` and `off` are text. Units end a key's name: `_s` seconds,
`_micros` microseconds, `_bytes`, `_ratio` 0 to 1.

The file is read again when its content changes and on SIGHUP. A file with problems changes nothing: the
configuration in force stays. `server`, `http` and `http2` change by a restart only. Rollouts override `version` of the
model they move; their state is kept in the state directory, not here.
"""


def render() -> str:
    """The whole page."""
    parts = [INTRODUCTION]
    for place, section in sections_of(Configuration, ""):
        title = f"`{place}`" if place else "The file"
        about = " ".join((section.__doc__ or "").split())
        rows = [_row(name, field) for name, field in section.model_fields.items()]
        table = "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows])
        parts.append(f"## {title}\n\n{about}\n\n{table}\n")
    return "\n".join(parts)


def sections_of(section: type[BaseModel], place: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """The section itself and those within it, each with its place: "models.NAME.split.arms[]"."""
    yield place, section
    for name, field in section.model_fields.items():
        holder, inner = _inner(field.annotation)
        if inner is not None:
            yield from sections_of(inner, f"{place}{'.' if place else ''}{name}{holder}")


def _inner(annotation: Any) -> tuple[str, type[BaseModel] | None]:
    """What stands between a key and the section below it (".NAME" in a mapping, "[]" in a list), and that section."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "", annotation
    if origin is dict:
        return ".NAME", _inner(arguments[1])[1]
    if origin is list:
        return "[]", _inner(arguments[0])[1]
    inner = [
        _inner(argument) for argument in arguments if isinstance(annotation, types.UnionType) or origin is typing.Union
    ]
    return next((found for found in inner if found[1] is not None), ("", None))


def _row(name: str, field: FieldInfo) -> str:
    cells = (f"`{name}`", _type(field.annotation, field.metadata), _default(field), field.description or "")
    return "| " + " | ".join(" ".join(cell.split()).replace("|", "\\|") for cell in cells) + " |"


def _type(annotation: Any, metadata: list[Any]) -> str:
    """A type in plain words, with its bounds."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return _type(arguments[0], [*arguments[1:]])
    if isinstance(annotation, types.UnionType) or origin is typing.Union:
        return ", or ".join("null" if argument is type(None) else _type(argument, []) for argument in arguments)
    if origin is typing.Literal:
        return " / ".join(f"`{argument}`" for argument in arguments)
    if origin in {list, dict}:
        inner = _inner(annotation)[1]
        what = "sections" if inner else _type(arguments[-1], [])
        return f"list of {what}" if origin is list else f"mapping of names to {what}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    word = {str: "text", int: "whole number", float: "number", bool: "true / false"}[annotation]
    bounds = _bounds(metadata)
    return f"{word}, {bounds}" if bounds else word


def _bounds(metadata: list[Any]) -> str:
    """`1 to 65535`, `at least 1`, `more than 0`; empty without bounds on numbers."""
    found: dict[str, float] = {}
    for item in metadata:
        for part in getattr(item, "metadata", [item]):
            found |= {name: getattr(part, name) for name in ("ge", "gt", "le") if getattr(part, name, None) is not None}
    lower = f"at least {found['ge']}" if "ge" in found else f"more than {found['gt']}" if "gt" in found else ""
    if "le" in found and found["le"] < 2**31 - 1:
        return f"{found['ge']} to {found['le']}"
    return lower


def _default(field: FieldInfo) -> str:
    if field.default is PydanticUndefined and field.default_factory is None:
        return "required"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return ""
    if value is None or isinstance(value, bool):
        return f"`{'null' if value is None else str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}`"
    if isinstance(value, list):
        return f"`[{', '.join(map(str, value))}]`"
    return "none" if value == {} else f"`{value}`"


if __name__ == "__main__":
    if not TARGET.parent.is_dir():
        sys.exit(f"{TARGET.parent}/: no such folder here; run this from the repository's root")
    TARGET.write_text(render(), encoding="utf-8")
    print(f"wrote {TARGET}")
