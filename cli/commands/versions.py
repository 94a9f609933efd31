"""`tidegate versions`: list the versions in an output folder, prove them, remove old ones that nobody uses."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from export.retention import DEFAULT_KEEP

if TYPE_CHECKING:
    from export.in_use import Sources

DEFAULT_STATE_DIR = Path(".tidegate")
_PATH = click.Path(path_type=Path)

Decorated = TypeVar("Decorated", bound=Callable[..., Any])


def _common(function: Decorated) -> Decorated:
    function = click.option("--json", "as_json", is_flag=True, help="Print facts for programs.")(function)
    function = click.option("--name", help="Only this model.  [default: every model in --out]")(function)
    return click.option("--out", "out_dir", required=True, type=_PATH, help="Folder of all models.")(function)


def _users(function: Decorated) -> Decorated:
    """Where it stands who uses a version."""
    function = click.option(
        "--config", "configs", multiple=True, type=_PATH, metavar="GATEWAY.YAML",
        help="A gateway's file: its labels and arms are in use. Repeatable.",
    )(function)  # fmt: skip
    function = click.option(
        "--state-dir", "state_dirs", multiple=True, type=_PATH,
        help="A gateway's: its rollouts are in use. Repeatable.  [default: .tidegate, where there is one]",
    )(function)  # fmt: skip
    function = click.option(
        "--served-folder", "served_folders", multiple=True, metavar="NAME=FOLDER",
        help="The folder here of an entry of models.config whose path only its server knows; NAME=- for none in --out. "
        "Repeatable.",
    )(function)  # fmt: skip
    return click.option(
        "--models-config", "config_paths", multiple=True, type=_PATH,
        help="The servers' --model_config_file. Repeatable.  [default: OUT/models.config, and those of --config]",
    )(function)  # fmt: skip


@click.group(name="versions")
def command() -> None:
    """List, verify and prune the versions in a folder of models."""


@command.command(name="list")
@_common
@_users
@click.option("--no-verify", is_flag=True, help="Don't read the files to compare their checksums.")
def list_(no_verify: bool, as_json: bool, **asked: Any) -> None:
    """Show each version: size, time, variant, accuracy, verdict, who uses it, and whether its files are intact."""
    _require()
    with _errors_told():
        from cli.version_words import listing, print_listing

        models = listing(_base_paths(asked["out_dir"], asked["name"]), _sources(asked), not no_verify)
        print_listing(models, as_json)


@command.command()
@_common
@click.option("--version", type=int, help="Only this version.  [default: every version]")
def verify(out_dir: Path, name: str | None, version: int | None, as_json: bool) -> None:
    """Prove versions: checksums, a readable model, export.json. Exit status 0: all well, 1: something is wrong."""
    _require("tensorflow", "keras")
    with _errors_told():
        from cli.version_words import print_checked
        from export.tensorflow_names import start_tensorflow
        from export.version_check import check_version
        from export.versions import existing_versions

        found = [
            (number, path)
            for base_path in _base_paths(out_dir, name)
            for number, path in sorted(existing_versions(base_path).items())
            if version in (None, number)
        ]
        if not found:
            _refuse(f"{out_dir}: has no version {version}; `tidegate versions list` shows those there are")
        start_tensorflow()
        checked = [check_version(number, path) for number, path in found]
        print_checked(checked, as_json)
    if any(each.problems for each in checked):
        raise SystemExit(1)


@command.command()
@_common
@_users
@click.option(
    "--keep", type=click.IntRange(min=1), default=DEFAULT_KEEP, show_default=True, help="Newest versions that stay."
)
@click.option("--dry-run", is_flag=True, help="Only say what would go, and why the others stay.")
@click.option("--yes", is_flag=True, help="Don't ask.")
def prune(keep: int, dry_run: bool, yes: bool, as_json: bool, **asked: Any) -> None:
    """Remove the oldest versions beyond --keep of each model that no server, label, arm or rollout uses."""
    _require()
    with _errors_told():
        from cli.version_words import print_plan, print_removed
        from export.removal import Pruning, plan, remove, versions_seen
        from export.served_folders import distinct
        from export.versions import temporary_dirs

        base_paths = distinct(_base_paths(asked["out_dir"], asked["name"]))
        pruning = Pruning(tuple(base_paths), keep, _sources(asked))
        seen = versions_seen(pruning)
        decided = plan(pruning)
        is_needed = any(each.remove for each in decided.values())
        has_work = is_needed or any(temporary_dirs(path) for path in pruning.base_paths)
        if dry_run or not has_work or not as_json:
            print_plan(decided, as_json)
        if dry_run or not has_work:
            return
        if is_needed:
            _agreed(yes)
        agreed = {path: each.remove for path, each in decided.items()}
        removed = remove(pruning, agreed, lambda text: click.echo(text, err=True), seen)
        print_removed(removed, as_json)
    if removed.problems:
        raise SystemExit(1)


def _require(*modules: str) -> None:
    """models.config is read by TensorFlow Serving's own definition. Raises: MissingExtra."""
    from cli.extras import require

    require("export", "tensorflow_serving", *modules)


def _agreed(yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        _refuse("nothing was removed: nobody is there to be asked; pass --yes")
    click.confirm("Remove them?", abort=True, err=True)


def _base_paths(out_dir: Path, name: str | None) -> list[Path]:
    """The models asked for. Raises: OSError; exits when there are none."""
    from export.versions import model_folders

    found = model_folders(out_dir)
    wanted = [path for path in found if name in (None, path.name)]
    if not wanted:
        names = ", ".join(path.name for path in found) or "none"
        _refuse(f"{out_dir}: has no versions of {name or 'any model'}; models with versions there: {names}")
    return wanted


def _sources(asked: dict[str, Any]) -> Sources:
    """Raises: InUseUnknownError."""
    from cli.gateway_uses import GatewayUses, models_config_paths
    from export.in_use import Sources
    from export.out_names import MODELS_CONFIG

    config_paths: tuple[Path, ...] = asked["config_paths"]
    if not config_paths:
        config_paths = tuple(
            dict.fromkeys([asked["out_dir"] / MODELS_CONFIG, *models_config_paths(asked["configs"])])
        )  # fmt: skip
    state_dirs: tuple[Path, ...] = asked["state_dirs"]
    if not state_dirs and DEFAULT_STATE_DIR.exists():
        state_dirs = (DEFAULT_STATE_DIR,)
    gateways = GatewayUses(state_dirs, asked["configs"])
    return Sources(config_paths, gateways, gateways.models, _told(asked["served_folders"]))


def _told(words: tuple[str, ...]) -> dict[str, Path | None]:
    """Read --served-folder; exits naming every one that can't be right."""
    told: dict[str, Path | None] = {}
    problems: list[str] = []
    for each in words:
        name, _, folder = each.partition("=")
        if not (name and folder):
            problems.append(f"--served-folder {each}: wanted NAME=FOLDER, or NAME=- for none in --out")
        elif name in told:
            problems.append(f"--served-folder {each}: {name} was told already")
        elif folder != "-" and not Path(folder).is_dir():
            problems.append(f"--served-folder {each}: no such folder here; {name}=- if it is none in --out")
        else:
            told[name] = None if folder == "-" else Path(folder)
    if problems:
        _refuse("\n".join(problems))
    return told


@contextlib.contextmanager
def _errors_told() -> Iterator[None]:
    """Print what is expected to fail as one message, and exit with 2."""
    from export.errors import ExportError

    try:
        yield
    except ExportError as error:
        _refuse(str(error))
    except OSError as error:
        _refuse(f"{error.filename}: {error.strerror or error}")


def _refuse(message: str) -> NoReturn:
    click.echo(f"error: {message}", err=True)
    sys.exit(2)
