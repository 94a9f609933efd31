"""Processor time per call, gateway against direct, in one sitting: `python -m benchmarks`, or `make bench`."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console

from benchmarks import machine
from benchmarks.errors import BenchmarkFailed
from benchmarks.generator import Generator
from benchmarks.picture import svg
from benchmarks.plan import LOADS, seconds_per_round
from benchmarks.results import Conditions, as_json, document, write
from benchmarks.samples import Sample, summarise
from benchmarks.sitting import Sitting
from benchmarks.subjects import set_up
from benchmarks.table import markdown

NAME = "gateway_vs_direct"
TITLE = "Gateway against direct calls: processor time per call"
SERVING = "TENSORFLOW_MODEL_SERVER"
EXIT_UNANSWERED, EXIT_FAILED = 1, 2


@click.command()
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(1, 100), help="Measurements of each kind.")
@click.option(
    "--seconds", type=click.FloatRange(0.1, 600),
    help="Time of one measurement; by default what keeps the sitting under six minutes.",
)  # fmt: skip
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("benchmarks/results"), show_default=True,
    help="Folder of the results files.",
)  # fmt: skip
@click.option("--json", "as_program", is_flag=True, help="Print the results document instead of the tables.")
def command(rounds: int, seconds: float | None, out: Path, as_program: bool) -> None:
    """Measure the processor time of a call: gateway against direct, interleaved in one sitting.

    TENSORFLOW_MODEL_SERVER=/path measures that TensorFlow Serving too; nginx is measured where it is installed. Exit
    status 1: some calls weren't answered; 2: the sitting could not be held.
    """
    console = Console(stderr=True)
    try:
        with console.status("starting the servers") as status:
            conditions, samples = _hold(rounds, seconds, status.update if console.is_terminal else console.print)
        figures = summarise(samples)
        page = markdown(TITLE, conditions, samples)
        text = as_json(document(conditions, samples))
        paths = write(out, NAME, {".json": text, ".md": page, ".svg": svg(TITLE, conditions, figures)})
    except (BenchmarkFailed, OSError) as error:
        click.echo(f"benchmarks: {error}", err=True)
        sys.exit(EXIT_FAILED)
    click.echo(text if as_program else page)
    console.print(f"written: {', '.join(map(str, paths))}", soft_wrap=True)
    if any(entry.unanswered for entry in figures):
        click.echo("benchmarks: some calls did not get their whole right reply; see the tables", err=True)
        sys.exit(EXIT_UNANSWERED)


def _hold(rounds: int, seconds: float | None, tell: Callable[[str], None]) -> tuple[Conditions, list[Sample]]:
    """Start everything, measure, end everything."""
    serving = _serving()
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as name, ExitStack() as stack:
        facts = machine.facts()  # before anything of ours runs
        stage = set_up(stack, Path(name), serving)
        generator = Generator(Path(name), stage.request, stage.reply_bytes)
        length = seconds or seconds_per_round(len(stage.subjects), len(LOADS), rounds)
        conditions = Conditions(
            **facts,
            command=_repeatable(rounds, seconds, serving),
            generator=generator.name,
            rounds=rounds,
            seconds=length,
            titles={subject.key: subject.title for subject in stage.subjects},
            groups={subject.key: subject.group for subject in stage.subjects},
            directs=[subject.key for subject in stage.subjects if subject.front is None],
        )
        return conditions, Sitting(stage.subjects, LOADS, generator, length, tell).run(rounds)


def _repeatable(rounds: int, seconds: float | None, serving: Path | None) -> str:
    """The command line that measures the same, without this machine's paths."""
    named = f"{SERVING}={serving.name} " if serving else ""
    asked = f" --seconds {seconds:g}" if seconds else ""
    return f"{named}python -m benchmarks --rounds {rounds}{asked}"


def _serving() -> Path | None:
    """The TensorFlow Serving program that the environment names. Raises: BenchmarkFailed."""
    named = os.environ.get(SERVING)
    if not named:
        return None
    path = Path(named)
    if not os.access(path, os.X_OK) or path.is_dir():
        raise BenchmarkFailed(f"{SERVING}={named}: no such program; give the path of tensorflow_model_server")
    return path


if __name__ == "__main__":
    command()
