"""Read a vocabulary file: one entry a line, in the order of their indices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

# The vocabulary is stored in the graph, which protobuf limits to 2 GB with the frozen weights.
MAX_VOCABULARY_BYTES = 256 * 1024 * 1024
INT64 = range(-(2**63), 2**63)


def read_vocabulary(path: Path, entries: str) -> list[str] | list[int]:
    """Read `texts` or `integers` (of 64 bits), UTF-8, one a line; an empty last line is no entry.

    Raises: ValueError, which says what is wrong.
    """
    try:
        if path.stat().st_size > MAX_VOCABULARY_BYTES:
            raise ValueError(f"{path.name} is larger than {MAX_VOCABULARY_BYTES >> 20} MiB")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{path} can't be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path.name} isn't UTF-8 text") from error
    lines = text.removesuffix("\n").split("\n") if text else []  # not splitlines: it cuts at rare characters too
    words = [line.removesuffix("\r") for line in lines]
    if not words:
        raise ValueError(f"{path.name} is empty; wanted one entry a line")
    if entries == "texts":
        return words
    numbers = []
    for number, word in enumerate(words, start=1):
        try:
            numbers.append(int(word))
        except ValueError:
            raise ValueError(f"{path.name}, line {number}: {word[:40]!r} is no whole number") from None
    return numbers


def vocabulary_problem(entries: Sequence[str | int]) -> str | None:
    """Say what keeps entries from being keys; None when nothing does."""
    twice = [str(entry) for entry, count in Counter(entries).items() if count > 1]
    if twice:
        more = f" and {len(twice) - 3} more" if len(twice) > 3 else ""
        return f"holds {', '.join(repr(entry) for entry in twice[:3])}{more} twice; which index is meant?"
    if any(isinstance(entry, int) and entry not in INT64 for entry in entries):
        return "holds a number beyond 64 bits"
    return None
