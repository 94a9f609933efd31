"""The sittings of exports on the command line: `python -m benchmarks export` and `python -m benchmarks prunable`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from benchmarks import export_sitting, prunable_sitting
from benchmarks.errors import BenchmarkFailed
from benchmarks.export_models import KINDS

RESULTS = Path("benchmarks/results")
TRIAL = Path("build/benchmarks/quick")  # results of a trial never take the place of a sitting's
EXIT_NOT_SO, EXIT_FAILED = 1, 2

_OUT = click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help=f"Folder of the results files.  [default: {RESULTS}]",
)


@click.command()
@click.option("--only", multiple=True, type=click.Choice(tuple(KINDS)), help="Only this model; repeatable.")
@click.option("--rounds", type=click.IntRange(1, 100), help="Measurements side by side.  [default: 5]")
@click.option(
    "--seconds", type=click.FloatRange(0.05, 600),
    help=f"Time of one of them, all versions of a model together.  [default: {export_sitting.SECONDS:g}]",
)  # fmt: skip
@click.option("--fresh", is_flag=True, help="Train the models anew, also those that were trained before.")
@click.option(
    "--quick", is_flag=True,
    help=f"A trial in a few minutes: {', '.join(export_sitting.QUICK_MODELS)}, hardly trained; results go to {TRIAL}.",
)  # fmt: skip
@click.option("--json", "as_program", is_flag=True, help="Print the results document instead of the tables.")
@_OUT
def export(
    only: tuple[str, ...],
    rounds: int | None,
    seconds: float | None,
    fresh: bool,
    quick: bool,
    as_program: bool,
    out: Path | None,
) -> None:
    """Every variant of every model through `tidegate export`, then side by side; with the goals of exports.

    Exit status 1: a published variant breaks the gate's rule, or an export failed; 2: the sitting could not be held.
    """
    planned = export_sitting.plan(only, rounds, seconds, fresh, quick)
    line = f"python -m benchmarks export{flags(only, rounds, seconds, fresh, quick)}"
    console = Console(stderr=True)

    def run(tell: Callable[[str], None]) -> int:
        held = export_sitting.hold(planned, line, tell)
        paths = held.write(out or (TRIAL if quick else RESULTS))
        click.echo(held.json if as_program else held.page)
        console.print(f"written: {', '.join(map(str, paths))}", soft_wrap=True)
        for words in held.broken:
            click.echo(f"benchmarks: {words}", err=True)
        return EXIT_NOT_SO if held.broken else 0

    sys.exit(_told(console, "making the models", run))


@click.command()
@click.option("--count", default=200, show_default=True, type=click.IntRange(1, 100_000), help="So many architectures.")
@_OUT
def prunable(count: int, out: Path | None) -> None:
    """Generated architectures: exact at ratio 0, and cut at 30 and 60 %; results in prunable.json.

    Exit status 1: a goal isn't reached; 2: the check could not be held.
    """
    console = Console(stderr=True)

    def run(tell: Callable[[str], None]) -> int:
        text, met = prunable_sitting.hold(count, f"python -m benchmarks prunable --count {count}", tell)
        paths = prunable_sitting.write_results(out or RESULTS, text)
        click.echo(text)
        console.print(f"written: {', '.join(map(str, paths))}", soft_wrap=True)
        return 0 if met else EXIT_NOT_SO

    sys.exit(_told(console, "generating architectures", run))


def flags(only: tuple[str, ...], rounds: int | None, seconds: float | None, fresh: bool, quick: bool) -> str:
    """As they are given to repeat the sitting, without this machine's paths."""
    given = "".join(f" --only {model}" for model in only)
    given += f" --rounds {rounds}" if rounds else ""
    given += f" --seconds {seconds:g}" if seconds else ""
    return given + " --fresh" * fresh + " --quick" * quick


def _told(console: Console, begins: str, run: Callable[[Callable[[str], None]], int]) -> int:
    """Run it, its progress told line by line, or in one line of a terminal that changes; the exit status."""
    try:
        with console.status(begins) as status:
            tell = status.update if console.is_terminal else lambda text: click.echo(text, err=True)
            return run(tell)
    except (BenchmarkFailed, OSError) as error:
        click.echo(f"benchmarks: {error}", err=True)
        return EXIT_FAILED
