"""`checksums.sha256`: what a version was when it was published, so that damage shows; `sha256sum -c` reads it too."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from pathlib import Path

CHECKSUMS_NAME = "checksums.sha256"
_LINE = re.compile(rb"(\\?)([0-9a-f]{64}) [ *](.+)", re.DOTALL)
# sha256sum starts a line with a backslash when the name holds one of these, and writes them so.
_ESCAPED = {b"\\": b"\\\\", b"\n": b"\\n", b"\r": b"\\r"}


def write_checksums(version_dir: Path) -> Path:
    """Write the SHA-256 of every file below, by relative name, and bring that to the disk.

    Call it last: a file written afterwards is an extra one. Returns the file's path. Raises: OSError, also for what is
    no plain file (a socket, a link to nothing).
    """
    lines = []
    for name in _names(version_dir):
        problem = _not_plain(version_dir / os.fsdecode(name))
        if problem is not None:
            raise OSError(0, problem, str(version_dir / os.fsdecode(name)))
        lines.append(_line(name, _digest(version_dir / os.fsdecode(name))))
    path = version_dir / CHECKSUMS_NAME
    with path.open("wb") as file:
        file.write(b"".join(lines))
        file.flush()
        os.fsync(file.fileno())
    return path


def has_checksums(version_dir: Path) -> bool:
    """Whether the version can be verified: hand-made versions can't, nor those of older exports."""
    return (version_dir / CHECKSUMS_NAME).is_file()


def verify_checksums(version_dir: Path) -> list[str]:
    """Say each file that is missing, changed, extra or unreadable; an empty list when all is as published.

    Raises: OSError when there is no checksums.sha256 or it can't be read.
    """
    wanted, problems = _read((version_dir / CHECKSUMS_NAME).read_bytes())
    there = set(_names(version_dir))
    for name, digest in sorted(wanted.items()):
        shown = _shown(name)
        if name not in there:
            problems.append(f"{shown}: missing")
            continue
        path = version_dir / os.fsdecode(name)
        try:
            found = _not_plain(path) or ("" if _digest(path) == digest else "changed since it was published")
        except OSError as error:
            found = f"can't be read: {error.strerror or error}"
        if found:
            problems.append(f"{shown}: {found}")
    problems += [f"{_shown(name)}: not there when it was published" for name in sorted(there - set(wanted))]
    return problems


def _names(version_dir: Path) -> list[bytes]:
    """Every file below by its relative name, sorted, but the checksums' own. Raises: OSError, also inside folders."""

    def fail(error: OSError) -> None:
        raise error

    found = []
    for parent, folders, names in os.walk(version_dir, onerror=fail):
        paths = [Path(parent) / name for name in names]
        paths += [path for path in (Path(parent) / name for name in folders) if path.is_symlink()]  # not walked into
        found += [os.fsencode(path.relative_to(version_dir)) for path in paths]
    return sorted(name for name in found if name != CHECKSUMS_NAME.encode())


def _not_plain(path: Path) -> str | None:
    """Why it has no checksum: opening a pipe would wait for a writer."""
    return None if stat.S_ISREG(path.stat().st_mode) else "not a plain file"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _line(name: bytes, digest: str) -> bytes:
    escaped = b"".join(_ESCAPED.get(letter, letter) for letter in (name[i : i + 1] for i in range(len(name))))
    return (b"\\" if escaped != name else b"") + digest.encode() + b"  " + escaped + b"\n"


def _read(content: bytes) -> tuple[dict[bytes, str], list[str]]:
    """Digests by name, and one problem for each line that is none."""
    wanted: dict[bytes, str] = {}
    problems = []
    for number, line in enumerate(content.removesuffix(b"\n").split(b"\n"), start=1):
        if match := _LINE.fullmatch(line):
            name = _unescaped(match.group(3)) if match.group(1) else match.group(3)
            wanted[name] = match.group(2).decode()
        elif line:
            problems.append(f"{CHECKSUMS_NAME} line {number}: not a checksum and a name")
    if not wanted:
        problems.append(f"{CHECKSUMS_NAME}: names no file")
    return wanted, problems


def _unescaped(name: bytes) -> bytes:
    return re.sub(rb"\\(.)", lambda match: {b"n": b"\n", b"r": b"\r"}.get(match.group(1), match.group(1)), name)


def _shown(name: bytes) -> str:
    """A name for a message: what can't be printed is escaped."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in os.fsdecode(name))
