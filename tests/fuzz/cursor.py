"""An input of the engine, read byte by byte."""

from __future__ import annotations


class Cursor:
    """The input, byte by byte; zeros behind its end."""

    def __init__(self, given: bytes) -> None:
        self._given = given
        self._at = 0

    @property
    def left(self) -> bool:
        """Whether there is more."""
        return self._at < len(self._given)

    def byte(self) -> int:
        """The next."""
        return self.take(1)[0] if self.left else 0

    def take(self, count: int) -> bytes:
        """The next few."""
        start, self._at = self._at, self._at + count
        return self._given[start : self._at]
