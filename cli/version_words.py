"""What `tidegate versions` prints: tables for people, facts for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli.commands.status import one_line
from export.errors import ExportError
from export.in_use import Sources
from export.removal import Removed
from export.retention import Retention
from export.version_check import Checked
from export.version_facts import VersionFacts, version_facts
from export.versions import existing_versions


@dataclass(frozen=True, slots=True)
class Listed:
    """One model's versions, newest first. uses: by version, in words; unknown: why they can't be told, or None."""

    name: str
    versions: tuple[VersionFacts, ...]
    uses: Mapping[int, tuple[str, ...]]
    unknown: str | None


def listing(base_paths: Sequence[Path], sources: Sources, is_verified: bool) -> list[Listed]:
    """Look at every version. What is in use may be unknown here: a list removes nothing. Raises: OSError."""
    models = []
    for base_path in base_paths:
        existing = existing_versions(base_path)
        uses: dict[int, list[str]] = {}
        unknown = None
        try:
            for use in dict.fromkeys(sources.look(base_path).uses(existing)):
                uses.setdefault(use.version, []).append(use.by)
        except ExportError as error:
            unknown = str(error)
        facts = tuple(version_facts(version, existing[version], is_verified) for version in sorted(existing)[::-1])
        models.append(Listed(base_path.name, facts, {key: tuple(words) for key, words in uses.items()}, unknown))
    return models


def print_listing(models: Sequence[Listed], as_json: bool) -> None:
    if as_json:
        _print_json([_listed_facts(model) for model in models])
        return
    for number, model in enumerate(models):
        if number:
            click.echo()
        click.echo(f"{model.name}: {_count(len(model.versions), 'version')}")
        header = ("version", "size", "published (UTC)", "variant", "accuracy", "verdict", "checksums")
        _table(header, [_row(facts) for facts in model.versions], wrapped="variant")
        for facts in model.versions:
            for words in model.uses.get(facts.version, ()):
                click.echo(f"  version {facts.version} is in use: {one_line(words)}")
        if model.unknown is not None:
            click.echo(f"  what is in use isn't known: {model.unknown}")


def _row(facts: VersionFacts) -> tuple[str, ...]:
    return (
        str(facts.version),
        size_words(facts.size_bytes),
        f"{facts.published_at:%Y-%m-%d %H:%M}",
        facts.variant or "-",
        "-" if facts.accuracy is None else f"{facts.accuracy:.4f}",
        facts.verdict or "-",
        facts.checksums.value,
    )


def _listed_facts(model: Listed) -> dict[str, object]:
    return {
        "name": model.name,
        "in_use_unknown": model.unknown,
        "versions": [
            {**facts.as_json(), "in_use_by": None if model.unknown else list(model.uses.get(facts.version, ()))}
            for facts in model.versions
        ],
    }


def print_checked(checked: Sequence[Checked], as_json: bool) -> None:
    """Say of each version whether it is as published, with every problem."""
    if as_json:
        _print_json(
            [
                {
                    "name": each.path.parent.name,
                    "version": each.version,
                    "path": str(each.path),
                    "verifiable": each.is_verifiable,
                    "problems": list(each.problems),
                }
                for each in checked
            ]
        )
        return
    for each in checked:
        where = f"{each.path.parent.name} version {each.version}"
        if each.problems:
            click.echo(f"{where}: {_count(len(each.problems), 'problem')}")
            for problem in each.problems:
                click.echo(f"  {one_line(problem)}")
        elif each.is_verifiable:
            click.echo(f"{where}: as published")
        else:
            click.echo(f"{where}: can be read; it has no checksums, so changes to its files don't show")


def print_plan(decided: Mapping[Path, Retention], as_json: bool) -> None:
    """Say what would go, and why each other version stays."""
    if as_json:
        _print_json(
            [
                {
                    "name": path.name,
                    "remove": list(plan.remove),
                    "stays": [{"version": version, "because": list(why)} for version, why in plan.stays.items()],
                }
                for path, plan in decided.items()
            ]
        )
        return
    for path, plan in decided.items():
        click.echo(f"{path.name}: {_count(len(plan.remove), 'version')} to remove")
        rows = [(str(version), "remove", "") for version in plan.remove]
        rows += [(str(version), "stays", "; ".join(why)) for version, why in plan.stays.items()]
        _table(("version", "", "why"), sorted(rows, key=lambda row: int(row[0])), wrapped="why")


def print_removed(removed: Removed, as_json: bool) -> None:
    """Say what was removed, and what couldn't be."""
    if as_json:
        _print_json(
            {
                "removed": [{"name": path.name, "versions": found} for path, found in removed.versions.items()],
                "leftovers": [str(path) for path in removed.stale],
                "problems": removed.problems,
            }
        )
        return
    for path, versions in removed.versions.items():
        click.echo(f"{path.name}: removed {', '.join(map(str, versions))}")
    for path in removed.stale:
        click.echo(f"{path.parent.name}: removed {path.name}, left by one that was killed")
    if not (removed.versions or removed.stale):
        click.echo("nothing was removed: what was to go is in use by now")
    for problem in removed.problems:
        click.echo(f"error: {problem}", err=True)


def size_words(count: int) -> str:
    """Bytes in words: 10^6 to a MB."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _print_json(facts: object) -> None:
    click.echo(json.dumps(facts, indent=2))


def _table(header: tuple[str, ...], rows: Sequence[tuple[str, ...]], wrapped: str) -> None:
    """A table whose column `wrapped` gives way where the terminal is narrow."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in header:
        table.add_column(heading, no_wrap=heading != wrapped)
    for row in rows:
        table.add_row(*[Text(one_line(cell), overflow="fold") for cell in row])
    Console(highlight=False).print(table)
