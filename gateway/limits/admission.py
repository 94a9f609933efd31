"""How many calls may be unfinished at once in this process."""

from __future__ import annotations


class Admission:
    """Counts unfinished calls, not open connections or resets, as Go does since CVE-2023-44487.

    Raises: ValueError for a bound below 1.
    """

    __slots__ = ("limit", "unfinished")

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError(f"max_concurrent_calls is {limit}, must be at least 1")
        self.limit = limit
        self.unfinished = 0

    def admit(self) -> bool:
        """Take a place; False when all are taken (the caller sheds)."""
        if self.unfinished >= self.limit:
            return False
        self.unfinished += 1
        return True

    def release(self) -> None:
        self.unfinished -= 1
