"""`python -m loadtests.digits --out FILE`: scikit-learn's handwritten digits as request rows."""

from __future__ import annotations

import argparse
from pathlib import Path

from loadtests.rows import Row, save_rows


def digit_rows(limit: int) -> list[Row]:
    """The last `limit` of scikit-learn's 1797 digits (the end of the set, which trainings usually keep for testing)."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    pixels = bunch.data.astype("uint8")
    count = len(pixels)
    return [Row(pixels[index].tobytes(), int(bunch.target[index])) for index in range(max(0, count - limit), count)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m loadtests.digits", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    parser.add_argument("--rows", type=int, default=360, help="how many rows, at most 1797 (default 360)")
    arguments = parser.parse_args()
    if arguments.rows < 1:
        parser.error(f"--rows is {arguments.rows}, must be at least 1")
    try:
        rows = digit_rows(arguments.rows)
    except ModuleNotFoundError as error:
        parser.error(f"needs scikit-learn ({error}): pip install 'tidegate[loadtest]'")
    print(f"{save_rows(arguments.out, rows)} rows in {arguments.out}")


if __name__ == "__main__":
    main()
