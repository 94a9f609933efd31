"""`tidegate rollout`: move a model to another version by steps, watch it, abort or promote it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from cli.commands.status import one_line, rollout_words

if TYPE_CHECKING:
    from cli.admin_client import AdminClient
    from protos.stubs.tidegate.admin.v1 import admin_pb2

POLL_S = 0.2
GATEWAY_AWAY_S = 60.0  # how long a waiting command bears a gateway that is being restarted

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _common(function: Decorated) -> Decorated:
    function = click.option("--json", "as_json", is_flag=True, help="Print facts for programs.")(function)
    return click.option(
        "--state-dir",
        type=click.Path(path_type=Path),
        default=Path(".tidegate"),
        show_default=True,
        help="The gateway's.",
    )(function)


@click.group(name="rollout")
def command() -> None:
    """Move a model to another version by steps: start, status, abort, promote."""


@command.command()
@click.argument("model")
@click.option("--to", "to_version", required=True, metavar="V", help="The version to move to.")
@click.option("--steps", default="10,50,100", show_default=True, metavar="PERCENTS", help="Of users, step by step.")
@click.option("--hold", default="5s", show_default=True, metavar="TIME", help="How long each step is judged.")
@click.option(
    "--error-margin",
    default="0.02",
    show_default=True,
    metavar="RATIO",
    help="Abort when the new version's error ratio exceeds the old one's by more.",
)
@click.option("--keep-old", is_flag=True, help="Leave the old version loaded afterwards.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Stay until it ended, and show its progress.")
@_common
def start(
    model: str,
    to_version: str,
    steps: str,
    hold: str,
    error_margin: str,
    keep_old: bool,
    wait: bool,
    as_json: bool,
    state_dir: Path,
) -> None:
    """Start a rollout of MODEL. With --wait: exit status 0 when promoted, 1 when aborted."""
    from cli.admin_client import admin_client

    request = _start_request(model, to_version, steps, hold, error_margin, keep_old)
    with admin_client(state_dir) as client:
        rollout = client.start(request)
        if wait:
            rollout = _wait(client, rollout, quiet=as_json)
    _print(rollout, as_json)
    if wait and rollout.phase == "aborted":
        raise SystemExit(1)


@command.command()
@click.argument("model", required=False)
@_common
def status(model: str | None, as_json: bool, state_dir: Path) -> None:
    """Show the last rollout of MODEL, or of every model."""
    from cli.admin_client import admin_client
    from cli.facts import rollout_facts

    with admin_client(state_dir) as client:
        rollouts = client.rollouts() if model is None else [client.get(model)]
    if model is None and as_json:
        click.echo(json.dumps([rollout_facts(rollout) for rollout in rollouts], indent=2))
        return
    for rollout in rollouts:
        _print(rollout, as_json)
    if not rollouts:
        click.echo("no rollout was ever started here")


@command.command()
@click.argument("model")
@_common
def abort(model: str, as_json: bool, state_dir: Path) -> None:
    """Take MODEL's users off the new version now, and unload it."""
    from cli.admin_client import admin_client

    with admin_client(state_dir) as client:
        _print(client.abort(model), as_json)


@command.command()
@click.argument("model")
@_common
def promote(model: str, as_json: bool, state_dir: Path) -> None:
    """Give all of MODEL's users the new version now, whatever step it is at."""
    from cli.admin_client import admin_client

    with admin_client(state_dir) as client:
        _print(client.promote(model), as_json)


def _start_request(
    model: str, to_version: str, steps: str, hold: str, error_margin: str, keep_old: bool
) -> admin_pb2.StartRolloutRequest:
    """Raises: CommandFailed with everything wrong in the arguments."""
    from cli.admin_client import CommandFailed
    from cli.duration import seconds_of
    from gateway.rollout.plan import plan_problems
    from protos.stubs.tidegate.admin.v1 import admin_pb2

    problems: list[str] = []
    version = _read(problems, "--to", to_version, int, "a version is a whole number", 1)
    percents = _read(problems, "--steps", steps, _percents, "write percents like 10,50,100", [100.0])
    hold_s = _read(problems, "--hold", hold, seconds_of, "write a time like 500ms, 5s or 2m", 1.0)
    margin_ratio = _read(problems, "--error-margin", error_margin, float, "write a ratio like 0.02", 0.0)
    problems += plan_problems(model, version, percents, hold_s, margin_ratio)
    if problems:
        raise CommandFailed(problems)
    return admin_pb2.StartRolloutRequest(
        model=model,
        to_version=version,
        steps_percent=percents,
        hold_s=hold_s,
        error_margin_ratio=margin_ratio,
        keep_old=keep_old,
    )


Value = TypeVar("Value")


def _read(
    problems: list[str], option: str, text: str, read: Callable[[str], Value], wanted: str, instead: Value
) -> Value:
    """The option's value; a text that is none is noted, and a harmless value goes on to the other checks."""
    try:
        return read(text)
    except ValueError:
        problems.append(f"{option}: got {text!r}; {wanted}")
        return instead


def _percents(text: str) -> list[float]:
    return [float(part) for part in text.split(",")]


def _wait(client: AdminClient, rollout: admin_pb2.Rollout, *, quiet: bool) -> admin_pb2.Rollout:
    """Follow the rollout to its end; a gateway that is restarted meanwhile goes on with it."""
    from cli.admin_client import NoGateway

    shown, away_since_s = ("", 0.0), None
    try:
        while True:
            if not quiet and (rollout.phase, rollout.percent) != shown:
                shown = (rollout.phase, rollout.percent)
                click.echo(f"{rollout.phase:<9} {rollout.percent:>3g} %  {one_line(rollout.reason)}")
            if rollout.phase in ("promoted", "aborted"):
                return rollout
            time.sleep(POLL_S)
            try:
                rollout, away_since_s = client.get(rollout.model), None
            except NoGateway:
                away_since_s = away_since_s or time.monotonic()
                if time.monotonic() - away_since_s > GATEWAY_AWAY_S:
                    raise
    except KeyboardInterrupt:
        model = rollout.model
        click.echo(
            f"\nThe rollout goes on in the gateway: `tidegate rollout status {model}`, `abort {model}`.", err=True
        )
        raise SystemExit(130) from None


def _print(rollout: admin_pb2.Rollout, as_json: bool) -> None:
    from cli.facts import rollout_facts

    facts = rollout_facts(rollout)
    click.echo(json.dumps(facts, indent=2) if as_json else f"{rollout.model}: {rollout_words(facts)}")
