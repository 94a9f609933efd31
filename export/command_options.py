"""The options of `tidegate export` as the command line spells them, and how they become ExportOptions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from export.errors import InvalidOptionsError
from export.options import (
    Allocation,
    ExportOptions,
    GateRules,
    Importance,
    Precision,
    PruneSpec,
    Require,
    ServerFacts,
)
from export.parsing import parse_batch_sizes, parse_gpu_memory, parse_precision, parse_prune, parse_version_policy

Command = TypeVar("Command", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)


def _choice(kind: Any) -> click.Choice[str]:
    return click.Choice([member.value for member in kind])


_OPTIONS = (
    click.argument("model", type=_PATH),
    click.option("--name", required=True, help="Name of the servable: A-Z a-z 0-9 . _ -"),
    click.option(
        "--out", "out_dir", required=True, type=_PATH, help="Folder of all models; NAME/VERSION/ is made in it."
    ),
    click.option(
        "--precision", default="float32", show_default=True, metavar="PRECISION",
        help=f"{', '.join(p.value for p in Precision)}. The model's edges stay float32. int8 is smaller, not faster; "
        "tflite-* are served with --prefer_tflite_model.",
    ),
    click.option(
        "--prune", metavar="structured:RATIO",
        help="Remove this share of channels and units, then fine-tune. Needs --data.",
    ),
    click.option(
        "--prune-importance", type=_choice(Importance), default="l2", show_default=True,
        help="By what channels are ranked.",
    ),
    click.option(
        "--prune-allocation", type=_choice(Allocation), default="uniform", show_default=True,
        help="The share of every layer, of the least important anywhere, or of measured latency.",
    ),
    click.option(
        "--prune-multiple", type=int, default=16, show_default=True, help="Widths that stay are multiples of this."
    ),
    click.option(
        "--prune-rounds", type=int, default=1, show_default=True, help="Cut and fine-tune in this many rounds."
    ),
    click.option(
        "--fine-tune-epochs", type=int, default=6, show_default=True, help="Passes over the training rows, all rounds."
    ),
    click.option(
        "--data", "data_path", type=_PATH, help=".npz with x_train, y_train, x_test, y_test (whole-number classes)."
    ),
    click.option(
        "--preprocess", "preprocess_path", type=_PATH, help="YAML of signatures that take raw values: images, texts."
    ),
    click.option(
        "--max-accuracy-drop", type=float, default=None,
        help="Refuse a variant that answers this share of test rows less; 0.01 is one point. Needs --data."
        "  [default: 0.01]",
    ),
    click.option(
        "--require", type=_choice(Require), default="either", show_default=True,
        help="What a variant must be, against float32, to be published.",
    ),
    click.option("--force", is_flag=True, help="Publish a variant that the gate refuses; export.json says so."),
    click.option("--version", type=int, help="Version number; by default the highest existing one plus 1."),
    click.option("--max-batch-size", type=int, default=64, show_default=True, help="Most rows of one execution."),
    click.option(
        "--allowed-batch-sizes", default=None,
        help="Sizes batches are padded up to, the last being the largest.  [default: 1,8,32,64 up to the largest]",
    ),
    click.option(
        "--served-base-path", help="Where the server sees --out, such as /models.  [default: its absolute path]"
    ),
    click.option(
        "--version-policy", metavar="POLICY",
        help="latest, latest:N, all or specific:1,2 for models.config.  [default: as it stands there, else latest]",
    ),
    click.option("--gpu-memory-gb", type=float, help="Memory of the GPU that will serve, in 10^9 bytes."),
    click.option("--replicas-per-gpu", type=int, default=1, show_default=True, help="Servers that share one GPU."),
    click.option(
        "--gpu-memory", default=None, metavar="SHARE|growth",
        help="Of the GPU for one server, taken at its start; or let it grow.  [default: 0.85 over the replicas]",
    ),
    click.option(
        "--server-processors", type=int, default=None, help="Processors of the serving machine.  [default: of this one]"
    ),
    click.option("--xla", is_flag=True, help="Compile with XLA; the server needs the flag that is written."),
    click.option(
        "--per-model-batching", is_flag=True,
        help="Let the server read each version's own batching_params.pbtxt (a model without one isn't batched).",
    ),
    click.option(
        "--allow-signature-change", is_flag=True, help="Publish although callers of the version before would break."
    ),
    click.option(
        "--trust-model-code", is_flag=True,
        help="Run Python code: MODEL as module:function, --import, Lambda layers. Only what you trust.",
    ),
    click.option(
        "--import", "import_modules", multiple=True, metavar="MODULE",
        help="Import this first: it registers the model's own layers. Repeatable; needs --trust-model-code.",
    ),
    click.option("--dry-run", is_flag=True, help="Do all of it, measure and judge, but publish nothing."),
    click.option("--json", "as_json", is_flag=True, help="Print export.json's content and the paths as JSON."),
)  # fmt: skip


def with_options(command: Command) -> Command:
    """Decorate a function with MODEL and every option."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def options_of(values: dict[str, Any]) -> ExportOptions:
    """Build ExportOptions of the command line's values. Raises: InvalidOptionsError."""
    policy, max_batch_size = values["version_policy"], values["max_batch_size"]
    sizes = values["allowed_batch_sizes"]
    return ExportOptions(
        model_path=values["model"],
        name=values["name"],
        out_dir=values["out_dir"],
        precision=parse_precision(values["precision"]),
        prune=_prune(values),
        data_path=values["data_path"],
        version=values["version"],
        max_batch_size=max_batch_size,
        allowed_batch_sizes=parse_batch_sizes(sizes) if sizes else default_sizes(max_batch_size),
        served_base_path=values["served_base_path"],
        version_policy=parse_version_policy(policy) if policy else None,
        fine_tune_epochs=values["fine_tune_epochs"],
        trust_model_code=values["trust_model_code"],
        allow_signature_change=values["allow_signature_change"],
        preprocess_path=values["preprocess_path"],
        import_modules=tuple(values["import_modules"]),
        gate=_gate(values),
        server=_server(values),
        is_dry_run=values["dry_run"],
    )


def default_sizes(max_batch_size: int) -> tuple[int, ...]:
    """1, 8, 32 and 64 as far as they are below the largest size, then the largest."""
    return (*(size for size in (1, 8, 32, 64) if size < max_batch_size), max_batch_size)


def _prune(values: dict[str, Any]) -> PruneSpec | None:
    if not values["prune"]:
        return None
    return PruneSpec(
        parse_prune(values["prune"]),
        Importance(values["prune_importance"]),
        Allocation(values["prune_allocation"]),
        values["prune_multiple"],
        values["prune_rounds"],
    )


def _gate(values: dict[str, Any]) -> GateRules:
    drop = values["max_accuracy_drop"]
    if drop is not None and values["data_path"] is None:
        raise InvalidOptionsError("options: --max-accuracy-drop needs --data: accuracy is measured on its test rows")
    defaults = GateRules()
    return GateRules(defaults.max_accuracy_drop if drop is None else drop, Require(values["require"]), values["force"])


def _server(values: dict[str, Any]) -> ServerFacts:
    share, grows = parse_gpu_memory(values["gpu_memory"]) if values["gpu_memory"] else (None, False)
    return ServerFacts(
        gpu_memory_gb=values["gpu_memory_gb"],
        replicas_per_gpu=values["replicas_per_gpu"],
        memory_fraction=share,
        is_memory_growth=grows,
        processors=values["server_processors"],
        is_xla=values["xla"],
        is_per_model_batching=values["per_model_batching"],
    )
