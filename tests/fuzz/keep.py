"""Which inputs are worth keeping: a few small ones that take as many branches of gateway.http2 as they can."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.machine import run

_WATCHED = str(Path("gateway") / "http2")
Step = tuple[str, int, int]  # file, line before, line


def taken(given: bytes) -> set[Step]:
    """The steps from line to line that an input takes."""
    steps: set[Step] = set()

    def watch(frame: FrameType, event: str, argument: Any) -> Any:
        name = frame.f_code.co_filename
        if _WATCHED not in name:
            return None
        last = 0

        def line(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal last
            steps.add((name, last, frame.f_lineno))
            last = frame.f_lineno
            return line

        return line

    sys.settrace(watch)
    try:
        run(given)
    finally:
        sys.settrace(None)
    return steps


def chosen(inputs: Iterable[Path], most: int, most_bytes: int) -> list[Path]:
    """At most `most` of them, of `most_bytes` together: the one that adds most steps first, the smaller if equal."""
    left = {path: (taken(path.read_bytes()), path.stat().st_size) for path in inputs}
    seen: set[Step] = set()
    kept: list[Path] = []
    room = most_bytes
    while left and len(kept) < most:
        best = max(left, key=lambda path: (len(left[path][0] - seen), -left[path][1]))
        steps, size = left.pop(best)
        if not steps - seen:
            break
        if size <= room:
            kept.append(best)
            seen |= steps
            room -= size
    return kept
