"""Processor time per call, side by side: `python -m benchmarks [fronts|direct]`, or `make bench` for both."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks import hold
from benchmarks.errors import BenchmarkFailed
from benchmarks.fronts import FRONTS

SERVING = "TENSORFLOW_MODEL_SERVER"
EXIT_UNANSWERED, EXIT_FAILED = 1, 2


@dataclass(frozen=True, slots=True)
class Options:
    """Of every sitting. `seconds` None: what keeps the sitting in its bound."""

    rounds: int
    seconds: float | None
    out: Path
    as_program: bool

    def flags(self) -> str:
        """As they are given to repeat the sitting, without this machine's paths."""
        return f"--rounds {self.rounds}" + (f" --seconds {self.seconds:g}" if self.seconds else "")


def common(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that every sitting has."""
    for option in (
        click.option("--json", "as_program", is_flag=True, help="Print the results document instead of the tables."),
        click.option(
            "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("benchmarks/results"),
            show_default=True, help="Folder of the results files.",
        ),
        click.option(
            "--seconds", type=click.FloatRange(0.1, 600),
            help="Time of one measurement; by default what keeps a sitting under about seven minutes.",
        ),
        click.option(
            "--rounds", default=5, show_default=True, type=click.IntRange(1, 100), help="Measurements of each kind."
        ),
    ):  # fmt: skip
        command = option(command)
    return command


@click.group(invoke_without_command=True)
@click.pass_context
def command(context: click.Context) -> None:
    """Measure the processor time of a call. Without a sitting's name: both, fronts first.

    Exit status 1: some calls weren't answered; 2: the sitting could not be held.
    """
    if context.invoked_subcommand is None:
        statuses = [
            _run(sitting, Options(5, None, Path("benchmarks/results"), False)) for sitting in (_fronts, _direct)
        ]
        sys.exit(max(statuses))


@command.command()
@common
@click.option(
    "--without", multiple=True, type=click.Choice(FRONTS), help="Leave a front out (the results say so); repeatable."
)
def fronts(without: tuple[str, ...], **options: Any) -> None:
    """The gateway with each transport, nginx, HAProxy and Envoy, before one fast upstream.

    A peer that isn't installed is named as not measured.
    """
    sys.exit(_run(lambda given, tell: _fronts(given, tell, without), Options(**options)))


@command.command()
@common
def direct(**options: Any) -> None:
    """Gateway against calls straight to the model server, and calls joined against single ones.

    TENSORFLOW_MODEL_SERVER=/path measures that TensorFlow Serving too.
    """
    sys.exit(_run(_direct, Options(**options)))


Tell = Callable[[str], None]


def _fronts(given: Options, tell: Tell, without: tuple[str, ...] = ()) -> hold.Held:
    left = "".join(f" --without {key}" for key in without)
    return hold.fronts(given.rounds, given.seconds, f"python -m benchmarks fronts {given.flags()}{left}", without, tell)


def _direct(given: Options, tell: Tell) -> hold.Held:
    serving = _serving()
    named = f"{SERVING}={serving.name} " if serving else ""
    line = f"{named}python -m benchmarks direct {given.flags()}"
    return hold.direct(given.rounds, given.seconds, line, serving, tell)


def _run(sitting: Callable[[Options, Tell], hold.Held], given: Options) -> int:
    """Hold it, write its files, print it; the exit status."""
    console = Console(stderr=True)
    try:
        with console.status("starting the servers") as status:
            held = sitting(given, status.update if console.is_terminal else console.print)
        paths = held.write(given.out)
    except (BenchmarkFailed, OSError) as error:
        click.echo(f"benchmarks: {error}", err=True)
        return EXIT_FAILED
    click.echo(held.json if given.as_program else held.page)
    console.print(f"written: {', '.join(map(str, paths))}", soft_wrap=True)
    if held.unanswered:
        click.echo("benchmarks: some calls did not get their whole right reply; see the tables", err=True)
        return EXIT_UNANSWERED
    return 0


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
