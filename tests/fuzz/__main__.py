"""`python -m tests.fuzz`: fuzz the pure HTTP/2 core; with `--keep`, choose corpus/ anew."""

from __future__ import annotations

import hashlib
import importlib.util
import subprocess
import sys
import tempfile
from pathlib import Path

import click

CORPUS = Path(__file__).parent / "corpus"
FOUND = Path("build") / "fuzz"
MAX_INPUT_BYTES = 2000
MAX_KEPT = 48
MAX_KEPT_BYTES = 80_000


def engine(*arguments: str | Path) -> int:
    """Run the engine's process; its exit status."""
    command = [sys.executable, "-m", "tests.fuzz.engine", f"-artifact_prefix={FOUND}/", *map(str, arguments)]
    return subprocess.run(command, check=False).returncode


@click.command()
@click.option("--seconds", default=600, show_default=True, help="How long.")
@click.option("--keep", is_flag=True, help="Choose tests/fuzz/corpus anew, from it and what was found.")
def main(seconds: int, keep: bool) -> None:
    """Fuzz; exit status 0 if nothing was found. What was found lies in build/fuzz."""
    if importlib.util.find_spec("atheris") is None:
        click.echo("The fuzzing engine is missing: python -m pip install -e '.[fuzz]'", err=True)
        sys.exit(2)
    FOUND.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as grown:
        length = f"-max_len={MAX_INPUT_BYTES}"
        status = engine(grown, CORPUS, f"-max_total_time={seconds}", "-timeout=20", "-print_final_stats=1", length)
        if keep and status == 0:
            choose(Path(grown))
    sys.exit(status)


def choose(grown: Path) -> None:
    """Put into corpus/ the few inputs that are worth most."""
    from tests.fuzz.keep import chosen

    old = set(CORPUS.iterdir())
    kept = [path.read_bytes() for path in chosen([*old, *grown.iterdir()], MAX_KEPT, MAX_KEPT_BYTES)]
    for path in old:
        path.unlink()
    for given in kept:
        (CORPUS / hashlib.sha256(given).hexdigest()[:16]).write_bytes(given)
    click.echo(f"{len(kept)} inputs kept, {sum(map(len, kept))} bytes")


if __name__ == "__main__":
    main()
