"""The one error of the load generator that a person can repair: every problem found, told at once."""

from __future__ import annotations

from collections.abc import Sequence

SHOWN_PROBLEMS = 20


class Problems(Exception):
    """Something given by a person is wrong; `problems` holds one line each, `where` the file or command."""

    def __init__(self, where: str, problems: Sequence[str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        super().__init__(self._text())

    def _text(self) -> str:
        count = len(self.problems)
        lines = [f"{self.where}: {count} problem{'' if count == 1 else 's'}"]
        lines += [f"  {problem}" for problem in self.problems[:SHOWN_PROBLEMS]]
        if count > SHOWN_PROBLEMS:
            lines.append(f"  ... and {count - SHOWN_PROBLEMS} more")
        return "\n".join(lines)
