"""Prepared request rows on disk: JSON lines of 64 raw digit pixels and their label."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from loadtests.problems import Problems

PIXELS_BYTES = 64
MAX_PIXEL = 16
LABELS = 10
MAX_ROWS = 100_000


@dataclass(frozen=True, slots=True)
class Row:
    """One digit: `pixels` are 8 x 8 uint8 values 0..16, row-major; `label` is the digit shown."""

    pixels: bytes
    label: int

    def __post_init__(self) -> None:
        if len(self.pixels) != PIXELS_BYTES:
            raise ValueError(f"pixels hold {len(self.pixels)} bytes, must hold {PIXELS_BYTES} (8 x 8 uint8)")
        if max(self.pixels) > MAX_PIXEL:
            raise ValueError(f"a pixel is {max(self.pixels)}, must be 0..{MAX_PIXEL} (raw scikit-learn digits)")
        if not 0 <= self.label < LABELS:
            raise ValueError(f"label is {self.label}, must be 0..{LABELS - 1}")


def load_rows(path: Path) -> tuple[Row, ...]:
    """Read rows in file order, {"pixels": base64 of 64 bytes, "label": n} a line; at least one.

    Raises: Problems, naming every bad line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise Problems(
            str(path), [f"can't be read: {error}; `python -m loadtests.digits --out FILE` writes one"]
        ) from error
    rows: list[Row] = []
    problems: list[str] = []
    for number, line in enumerate(lines[: MAX_ROWS + 1], start=1):
        try:
            rows.append(_parse(line))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
    if len(lines) > MAX_ROWS:
        problems.append(f"more than {MAX_ROWS} rows; keep fewer")
    if not lines:
        problems.append("holds no rows; `python -m loadtests.digits --out FILE` writes some")
    if problems:
        raise Problems(str(path), problems)
    return tuple(rows)


def save_rows(path: Path, rows: Iterable[Row]) -> int:
    """Write rows so that load_rows reads them back equal; return how many."""
    lines = [json.dumps({"pixels": base64.b64encode(row.pixels).decode("ascii"), "label": row.label}) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return len(lines)


def _parse(line: str) -> Row:
    try:
        entry = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(entry, dict) or set(entry) != {"pixels", "label"}:
        raise ValueError('must be an object with exactly "pixels" and "label"')
    pixels, label = entry["pixels"], entry["label"]
    if not isinstance(pixels, str) or isinstance(label, bool) or not isinstance(label, int):
        raise ValueError('"pixels" must be base64 text and "label" a whole number')
    try:
        return Row(base64.b64decode(pixels, validate=True), label)
    except binascii.Error as error:
        raise ValueError(f'"pixels" is not base64: {error}') from error
