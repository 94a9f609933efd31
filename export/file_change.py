"""What an export changes in a serving file: a diff for a dry run, and the flags a server would meet anew."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that would be written. old: what stands there, None for no file (or one in another encoding)."""

    path: Path
    old: str | None
    new: str

    def diff(self) -> str:
        """The change as a unified diff; a new file is all additions."""
        return "".join(
            difflib.unified_diff(
                (self.old or "").splitlines(keepends=True),
                self.new.splitlines(keepends=True),
                "(no file)" if self.old is None else str(self.path),
                str(self.path),
            )
        )


def flag_notes(name: str, old: str | None, new: str) -> list[str]:
    """Name every flag that an export changes: the server takes it at its next start, for all its models."""
    if old is None:
        return []
    before, after = _flags(old), _flags(new)
    changes = [
        f"{flag} {_value(before, flag)} -> {_value(after, flag)}"
        for flag in dict.fromkeys([*before, *after])
        if before.get(flag) != after.get(flag)
    ]
    if not changes:
        return []
    return [f"{name} changes for all models, at their server's next start: {'; '.join(changes)}"]


def served_dir_of(flags_text: str) -> str | None:
    """The folder in which a flags file names models.config, as the server sees it; None when it doesn't."""
    folder, slash, _ = _flags(flags_text).get("--model_config_file", "").rpartition("/")
    return folder if slash else None


def _flags(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if line.startswith("--"))
    return {flag: value for flag, _, value in pairs}


def _value(flags: dict[str, str], flag: str) -> str:
    return flags.get(flag, "(not given)")
