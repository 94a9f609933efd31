"""Waits for conditions, with a deadline that says what was waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count

DEADLINE_S = 60.0
LOOK_S = 0.01


async def until(condition: Callable[[], object], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Let the loop run until the condition holds. Raises: TimeoutError that says for what."""
    for looks in count():
        if condition():
            return
        if looks * LOOK_S > deadline_s:
            raise TimeoutError(f"waited {deadline_s:g} s for {what}")
        await asyncio.sleep(LOOK_S)
