"""`tidegate demo`: the whole story on real data, with a verdict."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click


@click.command("demo")
@click.option(
    "--dir", "root", type=click.Path(path_type=Path), default=Path("build/demo"), show_default=True,
    help="Made anew: models, logs, summary.json.",
)  # fmt: skip
def command(root: Path) -> None:
    """Train, export, serve, split, batch, roll forward and back, kill a replica; check every promise.

    Exit status 0: every promise was kept. 1: one was broken. 2: the demo could not run.
    """
    from rich.console import Console

    from cli.extras import require

    require("export,backend,loadtest", "tensorflow", "keras", "sklearn", "tensorflow_serving", "locust")

    from cli.children import ChildFailed
    from cli.demo.facts import Facts
    from cli.demo.places import NotOurs, Places
    from cli.demo.program import StepFailed
    from cli.demo.story import Story
    from cli.demo.telling import Teller
    from loadtests.launch import CouldNotRun

    places, facts = Places(root), Facts()
    tell = Teller(Console(highlight=False, soft_wrap=True))
    try:
        Story(places, tell, facts).run()
    except NotOurs as error:
        raise click.UsageError(str(error)) from error
    except (StepFailed, ChildFailed, CouldNotRun, OSError) as error:
        click.echo(f"\nThe demo stopped: {error}\nIts logs are in {places.logs}", err=True)
        sys.exit(2)
    summary = facts.summary()
    places.summary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    tell.table(summary, str(places.summary))
    tell.next_steps(str(places.models))
    sys.exit(1 if summary["broken_promises"] else 0)
