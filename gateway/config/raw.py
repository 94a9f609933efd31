"""Careful looks into a document whose types nobody has checked yet: what isn't as wanted looks like nothing."""

from __future__ import annotations


def section(value: object) -> dict[str, object]:
    """The mapping, without keys that are no text, or an empty one."""
    return {key: inner for key, inner in value.items() if isinstance(key, str)} if isinstance(value, dict) else {}


def items(value: object) -> list[object]:
    """The list, or an empty one."""
    return value if isinstance(value, list) else []


def text(value: object) -> str | None:
    """The text, or None."""
    return value if isinstance(value, str) else None


def whole(value: object) -> int | None:
    """The whole number, or None; true is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: object) -> float | None:
    """The number, or None; true is none."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
