"""`tidegate status`: what a running gateway serves, and how it goes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click


@click.command(name="status")
@click.option(
    "--state-dir", type=click.Path(path_type=Path), default=Path(".tidegate"), show_default=True, help="The gateway's."
)
@click.option("--json", "as_json", is_flag=True, help="Print facts for programs.")
def command(state_dir: Path, as_json: bool) -> None:
    """Show models, versions, arms, replicas and traffic of a running gateway."""
    from cli.admin_client import admin_client
    from cli.facts import status_facts

    with admin_client(state_dir) as client:
        facts = status_facts(client.status())
    if as_json:
        click.echo(json.dumps(facts, indent=2))
    else:
        _show(facts)


def _show(facts: dict[str, Any]) -> None:
    source = facts["config_path"] or "no file"
    click.echo(f"tidegate {facts['version']}, up {facts['uptime_s']:.0f} s, configuration: {source}")
    for model in facts["models"]:
        click.echo()
        _show_model(model)
    if not facts["models"]:
        click.echo("no model is known yet")
    if facts["problems"]:
        click.echo("\nproblems")
    for problem in facts["problems"]:
        click.echo(f"  {one_line(problem)}")


def _show_model(model: dict[str, Any]) -> None:
    version, configured = model["promoted_version"], model["configured_version"]
    serves = "serves no version yet" if version is None else f"serves version {version}"
    if configured is not None and version is not None and configured != version:
        serves += f" (a rollout's; gateway.yaml says {configured})"
    click.echo(f"{model['name']}: {serves}, versions {model['versions_mode']}, upstream {model['upstream']}")
    click.echo(f"  traffic   {model['calls']:,} calls, {model['errors']:,} failed")
    rows = f", {model['mean_batch_rows']:.1f} rows a batch" if model["mean_batch_rows"] else ""
    click.echo(f"  batching  {model['batching'] or 'off'}{rows}")
    for signature in model["signatures"]:
        click.echo(f"            {signature_words(signature)}")
    for label, labelled in model["labels"].items():
        click.echo(f"  label     {label} -> version {labelled}")
    _show_arms(model["arms"])
    _show_replicas(model["replicas"])
    if model["rollout"] is not None:
        click.echo(f"  rollout   {rollout_words(model['rollout'])}")


def signature_words(signature: dict[str, Any]) -> str:
    """Whether one signature's calls are joined, in one line."""
    words = f"version {signature['version']} {one_line(signature['name'])}: {signature['batching']}"
    if signature["reason"]:
        words += f" ({one_line(signature['reason'])})"
    if signature["poisoned_lanes"]:
        lanes = "1 lane runs" if signature["poisoned_lanes"] == 1 else f"{signature['poisoned_lanes']} lanes run"
        words += f"; {lanes} unjoined for {signature['poisoned_s']:.0f} s more, after joins that failed"
    return words


def _show_arms(arms: list[dict[str, Any]]) -> None:
    rows: list[tuple[str, ...]] = [
        (
            arm["name"],
            "-" if arm["version"] is None else str(arm["version"]),
            f"{arm['weight_percent']:g} %",
            "-" if arm["observed_percent"] is None else f"{arm['observed_percent']:.1f} %",
            f"{arm['calls']:,}",
            f"{arm['errors']:,}",
        )
        for arm in arms
    ]
    _table(("arm", "version", "weight", "observed", "calls", "failed"), rows)


def _show_replicas(replicas: list[dict[str, Any]]) -> None:
    rows: list[tuple[str, ...]] = [
        (
            replica["address"],
            "up" if replica["up"] else "DOWN",
            str(replica["in_flight"]),
            ", ".join(map(str, replica["versions"])) or "none",
        )
        for replica in replicas
    ]
    _table(("replica", "state", "in flight", "versions"), rows)


def _table(header: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    if not rows:
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(*header, box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for row in rows:
        table.add_row(*[Text(cell, overflow="fold") for cell in row])
    Console(highlight=False).print(Padding(table, (0, 0, 0, 2)))


def rollout_words(rollout: dict[str, Any]) -> str:
    """One rollout in one line."""
    way = f"version {rollout['from_version']} -> {rollout['to_version']}"
    reason = one_line(rollout["reason"])
    return f"{way}: {rollout['phase']}, {rollout['percent']:g} % of users on the new one; {reason}"


def one_line(text: str) -> str:
    """A server's words, safe for a terminal: what cannot be printed is escaped."""
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)
