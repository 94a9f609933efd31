"""Measurements side by side: `python -m benchmarks [fronts|batching|export|...]`; `make bench` holds the first two."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from benchmarks import equal as equality
from benchmarks import hold, machine
from benchmarks.errors import BenchmarkFailed
from benchmarks.export_command import export, prunable
from benchmarks.fronts import FRONTS
from benchmarks.peers import PEERS
from benchmarks.results import as_json, write

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
            help="Time of one measurement; by default what keeps a sitting under about nine minutes.",
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
    """Measure. Without a sitting's name: the processor time of a call, fronts first, then batching.

    Exit status 1: some calls weren't answered; 2: the sitting could not be held.
    """
    if context.invoked_subcommand is None:
        statuses = [
            _run(sitting, Options(5, None, Path("benchmarks/results"), False)) for sitting in (_fronts, _batching)
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
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(tuple(PEERS)),
    help="Leave a peer out (the results say so); repeatable.",
)
def batching(without: tuple[str, ...], **options: Any) -> None:
    """Calls joined, passed through, through proxies, and straight to the model server; with the goals of batching.

    TENSORFLOW_MODEL_SERVER=/path measures that TensorFlow Serving too.
    """
    sys.exit(_run(lambda given, tell: _batching(given, tell, without), Options(**options)))


@command.command()
@click.option(
    "--calls", default=100_000, show_default=True, type=click.IntRange(1, 10_000_000), help="At least so many."
)
@click.option(
    "--seed", default=4, show_default=True, type=int, help="Other calls for each; the same ones for the same."
)
@click.option("--compiled", is_flag=True, help="Through the gateway that `make compiled` built.")
@click.option(
    "--out", type=click.Path(file_okay=False, path_type=Path), default=Path("benchmarks/results"),
    show_default=True, help="Folder of equal.json.",
)  # fmt: skip
def equal(calls: int, seed: int, compiled: bool, out: Path) -> None:
    """Joined replies against unjoined ones of the same server, of generated calls that all differ.

    Exit status 1: some replies differ; 2: the check could not be held, or calls hardly met.
    """
    line = f"python -m benchmarks equal --calls {calls} --seed {seed}{' --compiled' * compiled}"
    console = Console(stderr=True)
    facts = machine.facts()
    try:
        with console.status("starting the servers") as status:
            outcome = equality.hold(calls, seed, compiled, status.update if console.is_terminal else console.print)
        text = as_json(equality.document(outcome, facts, line))
        paths = write(out, "equal", {".json": text})
    except (BenchmarkFailed, OSError, TimeoutError) as error:
        click.echo(f"benchmarks: {error}", err=True)
        sys.exit(EXIT_FAILED)
    click.echo(text)
    console.print(f"written: {', '.join(map(str, paths))}", soft_wrap=True)
    sys.exit(EXIT_UNANSWERED if outcome.different else _said_too_little(outcome.too_little()))


def _said_too_little(problems: list[str]) -> int:
    for problem in problems:
        click.echo(f"benchmarks: {problem}", err=True)
    return EXIT_FAILED if problems else 0


command.add_command(export)
command.add_command(prunable)
Tell = Callable[[str], None]


def _left_out(without: tuple[str, ...]) -> str:
    return "".join(f" --without {key}" for key in without)


def _fronts(given: Options, tell: Tell, without: tuple[str, ...] = ()) -> hold.Held:
    line = f"python -m benchmarks fronts {given.flags()}{_left_out(without)}"
    return hold.fronts(given.rounds, given.seconds, line, without, tell)


def _batching(given: Options, tell: Tell, without: tuple[str, ...] = ()) -> hold.Held:
    serving = _serving()
    named = f"{SERVING}={serving.name} " if serving else ""
    line = f"{named}python -m benchmarks batching {given.flags()}{_left_out(without)}"
    return hold.batching(given.rounds, given.seconds, line, serving, without, tell)


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
