"""The command line of an export; TensorFlow is imported only once the options are known to be right."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from export.errors import ExportError, InterruptedExportError
from export.options import (
    ExportOptions,
    Importance,
    Precision,
    parse_batch_sizes,
    parse_prune,
    parse_version_policy,
)

EXIT_STOPPED = 1
EXIT_USER_ERROR = 2


@click.command("export")
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--name", required=True, help="Name of the servable: A-Z a-z 0-9 . _ -")
@click.option(
    "--out",
    "out_dir",
    required=True,
    type=click.Path(path_type=Path),
    help="Folder of all models; NAME/VERSION/ is made in it.",
)
@click.option(
    "--precision",
    type=click.Choice([p.value for p in Precision]),
    default="float32",
    show_default=True,
    help="Of weights and computation; the model's edges stay float32.",
)
@click.option(
    "--prune", metavar="structured:RATIO", help="Remove this share of channels and units, then fine-tune. Needs --data."
)
@click.option(
    "--prune-importance",
    type=click.Choice([i.value for i in Importance]),
    default="l2",
    show_default=True,
    help="Norm by which channels are ranked.",
)
@click.option(
    "--fine-tune-epochs", type=int, default=6, show_default=True, help="Passes over the training rows after pruning."
)
@click.option(
    "--data",
    "data_path",
    type=click.Path(path_type=Path),
    help=".npz with x_train, y_train, x_test, y_test (whole-number classes).",
)
@click.option("--version", type=int, help="Version number; by default the highest existing one plus 1.")
@click.option("--max-batch-size", type=int, default=64, show_default=True, help="Most rows of one execution.")
@click.option(
    "--allowed-batch-sizes",
    default=None,
    help="Sizes batches are padded up to, the last being the largest.  [default: 1,8,32,64 up to the largest]",
)
@click.option(
    "--served-base-path", help="Where the server sees --out, such as /models.  [default: the absolute path of --out]"
)
@click.option(
    "--version-policy",
    metavar="POLICY",
    help="latest, latest:N, all or specific:1,2 for models.config.  [default: as it stands there, else latest]",
)
@click.option(
    "--allow-signature-change", is_flag=True, help="Publish although callers of the version before would break."
)
@click.option(
    "--trust-model-code", is_flag=True, help="Run Python code that the model file carries. Only for files you trust."
)
@click.option("--json", "as_json", is_flag=True, help="Print export.json's content and the paths as JSON.")
def command(
    model: Path,
    name: str,
    out_dir: Path,
    precision: str,
    prune: str | None,
    prune_importance: str,
    fine_tune_epochs: int,
    data_path: Path | None,
    version: int | None,
    max_batch_size: int,
    allowed_batch_sizes: str | None,
    served_base_path: str | None,
    version_policy: str | None,
    allow_signature_change: bool,
    trust_model_code: bool,
    as_json: bool,
) -> None:
    """Write MODEL (.keras, .h5 or a SavedModel folder) as an optimized version of a servable, and how to serve it."""
    from cli.extras import require

    require("export", "tensorflow", "keras", "numpy", "tensorflow_serving")

    try:
        options = ExportOptions(
            model_path=model,
            name=name,
            out_dir=out_dir,
            precision=Precision(precision),
            prune=parse_prune(prune, Importance(prune_importance)) if prune else None,
            data_path=data_path,
            version=version,
            max_batch_size=max_batch_size,
            allowed_batch_sizes=_sizes(allowed_batch_sizes, max_batch_size),
            served_base_path=served_base_path,
            version_policy=parse_version_policy(version_policy) if version_policy else None,
            fine_tune_epochs=fine_tune_epochs,
            trust_model_code=trust_model_code,
            allow_signature_change=allow_signature_change,
        )
        _export(options, as_json)
    except ExportError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(EXIT_STOPPED if isinstance(error, InterruptedExportError) else EXIT_USER_ERROR)


def _sizes(text: str | None, max_batch_size: int) -> tuple[int, ...]:
    return parse_batch_sizes(text) if text else default_sizes(max_batch_size)


def default_sizes(max_batch_size: int) -> tuple[int, ...]:
    """1, 8, 32 and 64 as far as they are below the largest size, then the largest."""
    return (*(size for size in (1, 8, 32, 64) if size < max_batch_size), max_batch_size)


def _export(options: ExportOptions, as_json: bool) -> None:
    """Run the export and print it; progress goes to stderr, so that stdout holds the result only."""
    from export.failures import signals_raise
    from export.run import precheck, run_export
    from export.tensorflow_names import start_tensorflow

    precheck(options)
    start_tensorflow()

    with signals_raise():
        exported = run_export(options, lambda text: click.echo(text, err=True))
    if as_json:
        facts = {
            **exported.manifest,
            "version_dir": str(exported.version_dir),
            "serving_files": [str(path) for path in exported.serving_files.paths],
            "serving_notes": list(exported.serving_files.notes),
        }
        click.echo(json.dumps(facts, indent=2))
        return
    from rich.console import Console

    from export.report import print_report

    print_report(exported, Console())
