"""Runs a transcript: each block is a command, `----`, and exactly what it must print; REWRITE=1 records what it prints.

Blocks are separated by an empty line, a command may have several lines, and lines that start with `#` explain. A
command that prints nothing has nothing after its `----`. After recording, a person reads the diff.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
SEPARATOR = "----"


@dataclass(frozen=True)
class Block:
    """`line` is where the command begins, counted from 1; `comment` stands before it."""

    line: int
    comment: str
    command: str
    output: str


def transcripts(pattern: str) -> list[Path]:
    """The transcripts beside this file, sorted; at least one, so that a test cannot run on nothing."""
    paths = sorted(FOLDER.glob(pattern))
    if not paths:
        raise ValueError(f"no transcript matches {pattern!r} in {FOLDER.name}/")
    return paths


def run_transcript(path: Path, execute: Callable[[str], str]) -> None:
    """Run every command of `path` in order through `execute`.

    Raises: AssertionError with place, command, wanted and came at the first difference; ValueError for a block that is
    no block.
    """
    blocks = list(read_blocks(path.read_text(encoding="utf-8"), path.name))
    if os.environ.get("REWRITE") == "1":
        path.write_text("\n".join(_written(block, execute(block.command)) for block in blocks), encoding="utf-8")
        return
    for block in blocks:
        came = execute(block.command).rstrip("\n")
        assert came == block.output, (
            f"{path.name}:{block.line}: {block.command}\n--- wanted\n{block.output}\n--- came\n{came}\n"
            "(REWRITE=1 records what came)"
        )


def read_blocks(text: str, name: str) -> Iterator[Block]:
    """Take a transcript apart. `name` is for errors."""
    line = 1
    for chunk in text.split("\n\n"):
        lines = chunk.split("\n")
        skipped = 0
        while skipped < len(lines) and (not lines[skipped] or lines[skipped].startswith("#")):
            skipped += 1
        body = [entry for entry in lines[skipped:] if entry]
        comment = "\n".join(entry for entry in lines[:skipped] if entry)
        if body:
            if SEPARATOR not in body or body[0] == SEPARATOR:
                raise ValueError(f"{name}:{line + skipped}: a block is a command, {SEPARATOR} and its output")
            cut = body.index(SEPARATOR)
            yield Block(line + skipped, comment, "\n".join(body[:cut]), "\n".join(body[cut + 1 :]))
        elif comment:
            raise ValueError(f"{name}:{line}: a comment stands directly before its command, without an empty line")
        line += len(lines) + 1


def _written(block: Block, output: str) -> str:
    if "\n\n" in output.strip("\n"):
        raise ValueError(f"{block.command!r} prints an empty line, which ends a block")
    parts = [block.comment, block.command, SEPARATOR, output.strip("\n")]
    return "\n".join(part for part in parts if part) + "\n"
