"""The engine's process: libFuzzer, through atheris, guided by which branches of gateway.http2 an input takes."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable


def main() -> None:
    """Takes libFuzzer's arguments; never returns."""
    atheris = importlib.import_module("atheris")  # no types come with it, and only the extra `fuzz` has it
    with atheris.instrument_imports(include=["gateway.http2"]):
        run: Callable[[bytes], None] = importlib.import_module("tests.fuzz.machine").run
    atheris.Setup(sys.argv, run)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
