"""What an export changes in a serving file: a diff for a dry run, and the flags a server would meet anew."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path

_MAX_BATCH_SIZE = re.compile(r"^\s*max_batch_size\s*:?\s*\{\s*value\s*:\s*(\d+)", re.MULTILINE)


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


def larger_batch_notes(name: str, old: str | None, max_batch_size: int, version: int) -> list[str]:
    """Warn of a running server that can't load this version: it knows the batching file of its own start alone.

    It refuses a version whose warm-up records have more rows than its max_batch_size. No note where the old file names
    none, as one written by hand may.
    """
    found = _MAX_BATCH_SIZE.search(old or "")
    if found is None or int(found.group(1)) >= max_batch_size:
        return []
    return [
        f"{name} said max_batch_size {found.group(1)}, which servers that run keep until they are started anew: they "
        f"can't load version {version}, whose largest warm-up record has {max_batch_size} rows. Restart the servers "
        "first, then move to it"
    ]


def is_per_model_batching(flags_text: str) -> bool:
    """Whether a server started with these flags takes each version's batching from the version's own folder."""
    return _flags(flags_text).get("--enable_per_model_batching_parameters") == "true"


def served_dir_of(flags_text: str) -> str | None:
    """The folder in which a flags file names models.config, as the server sees it; None when it doesn't."""
    folder, slash, _ = _flags(flags_text).get("--model_config_file", "").rpartition("/")
    return folder if slash else None


def _flags(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines() if line.startswith("--"))
    return {flag: value for flag, _, value in pairs}


def _value(flags: dict[str, str], flag: str) -> str:
    return flags.get(flag, "(not given)")
