"""The command line of an export; TensorFlow is imported only once the options are known to be right."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from export.command_options import options_of, with_options
from export.errors import ExportError, InterruptedExportError, PublishedError, VariantRefusedError
from export.options import ExportOptions

EXIT_STOPPED = 1
EXIT_USER_ERROR = 2


@click.command("export")
@with_options
def command(**values: Any) -> None:
    """Write MODEL as an optimized version of a servable, with its proof, and how to serve it.

    MODEL: a .keras or .h5 file, a SavedModel folder, or module:function, which makes a Keras model.
    """
    from cli.extras import require

    require(
        "export",
        "tensorflow",
        "keras",
        "numpy",
        "tensorflow_serving",
        "ai_edge_litert",
        "jinja2",
        "matplotlib",
        "scipy",
        "psutil",
    )

    try:
        _export(options_of(values), values["as_json"])
    except (ExportError, InterruptedExportError) as error:
        click.echo(f"error: {error}", err=True)
        if values["as_json"]:
            click.echo(json.dumps(error_facts(error), indent=2))
        sys.exit(EXIT_STOPPED if isinstance(error, InterruptedExportError) else EXIT_USER_ERROR)


def error_facts(error: ExportError | InterruptedExportError) -> dict[str, object]:
    """What went wrong, for programs; version_dir: where the version is nevertheless published."""
    facts: dict[str, object] = {"error": type(error).__name__, "message": str(error)}
    if isinstance(error, (PublishedError, InterruptedExportError)) and error.version_dir is not None:
        facts["version_dir"] = str(error.version_dir)
    if isinstance(error, VariantRefusedError):
        facts["refused"] = error.facts
    return facts


def _export(options: ExportOptions, as_json: bool) -> None:
    """Run the export and print it; progress goes to stderr, so that stdout holds the result only."""
    from export.run import precheck, run_export
    from export.signals import signals_raise
    from export.tensorflow_names import start_tensorflow

    precheck(options)
    start_tensorflow()

    with signals_raise():
        exported = run_export(options, lambda text: click.echo(text, err=True))
    if as_json:
        facts = {
            **exported.manifest,
            "version_dir": None if exported.version_dir is None else str(exported.version_dir),
            "serving_files": [str(path) for path in exported.serving_files.paths],
            "serving_notes": list(exported.serving_files.notes),
        }
        click.echo(json.dumps(facts, indent=2))
        return
    from rich.console import Console

    from export.report import print_report

    print_report(exported, Console())
