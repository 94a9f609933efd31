"""Reads a length of time as people write it: 5s, 500ms, 2m, 1h."""

from __future__ import annotations

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)", re.ASCII)


def seconds_of(text: str) -> float:
    """Raises: ValueError that says how to write one."""
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no duration; write a number and a unit, like 500ms, 5s, 2m or 1h")
    return float(match[1]) * _SECONDS[match[2]]
