"""The story of one export: load, check, vary, write, verify, measure, publish, write the serving files."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from export.data import Data, check_data_path, load_data
from export.failures import Publication, failures_told
from export.manifest import Measured, Outcome, manifest, write_manifest
from export.measure import Latency, measure_accuracy, measure_latency, size_on_disk
from export.options import ExportOptions
from export.publish import Staging
from export.runtime import ServedModel
from export.serving_files import ServingFiles, check_serving_files, prepared_serving_files
from export.source import Source, check_source_path, load_source
from export.variants import Model, Variant, build_variant, float32_model
from export.verify import verify_saved_model
from export.versions import check_signature, check_version_is_free
from export.warmup import replay_warmup, write_warmup
from export.writer import write_saved_model

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """A published version: its folder, the content of its export.json, and the serving files beside it."""

    version_dir: Path
    manifest: dict[str, object]
    serving_files: ServingFiles


def precheck(options: ExportOptions) -> None:
    """Refuse what can be told without TensorFlow, whose import takes seconds. Raises: ExportError, OSError."""
    check_source_path(options.model_path)
    if options.data_path is not None:
        check_data_path(options.data_path)
    check_version_is_free(options.out_dir / options.name, options.version)


def run_export(options: ExportOptions, say: Say) -> Exported:
    """Export one version; `say` is told each step in plain words.

    Raises: PublishedError when the version is published but a serving file isn't written; InterruptedExportError,
    which says how far it came; any other ExportError, nothing published and nothing else changed, save a base folder
    that was missing.
    """
    done = Publication()
    with failures_told(options.out_dir, done):
        base_path = options.out_dir / options.name
        precheck(options)
        check_serving_files(options)
        say(f"Loading {options.model_path}")
        source = load_source(options.model_path, options.trust_model_code)
        notes: list[str] = []
        base = float32_model(source, options, notes)
        data = load_data(options.data_path, base.servable.signature) if options.data_path else None
        check_signature(base_path, options.name, base.servable.signature, options.allow_signature_change, notes)
        variant = build_variant(base, options, data, say)
        with Staging(base_path, options.version) as done.staging:
            content = _fill(done.staging, options, source, base, variant, data, notes, say)
            done.staging.sync()
            with prepared_serving_files(options, done.staging.version) as done.files:
                say(f"Publishing version {done.staging.version}")
                version_dir = done.staging.publish()
                return Exported(version_dir, content, done.files.put_in_place())


def _fill(
    staging: Staging,
    options: ExportOptions,
    source: Source,
    base: Model,
    variant: Variant,
    data: Data | None,
    notes: list[str],
    say: Say,
) -> dict[str, object]:
    """Write the version into its temporary folder, prove and measure it there; return the content of export.json."""
    if staging.removed_stale:
        notes.append(f"removed what dead exports left: {', '.join(path.name for path in staging.removed_stale)}")
    rows = data.test.inputs if data is not None else None
    servable = variant.model.servable
    say(f"Writing version {staging.version}")
    frozen = write_saved_model(servable, staging.path)
    verify_saved_model(staging.path, servable, options.precision.value, rows)
    write_warmup(staging.path, options.name, servable.signature, options.allowed_batch_sizes, rows)
    replayed = replay_warmup(staging.path)
    say("Measuring size, accuracy and latency")
    with _baseline(base, variant) as baseline_dir:
        baseline = _measured(baseline_dir, base, data) if baseline_dir is not None else None
        latencies: list[Latency] = measure_latency(staging.path, baseline_dir, servable.signature, rows)
    measured = _measured(staging.path, variant.model, data)
    content = manifest(
        options,
        Outcome(
            staging.version, source.sha256, servable.signature, frozen, measured, baseline, latencies, variant.pruning,
            replayed, notes,
        ),
    )  # fmt: skip
    write_manifest(staging.path, content)
    return content


@contextlib.contextmanager
def _baseline(base: Model, variant: Variant) -> Iterator[Path | None]:
    """Write the float32 source to its own folder, to be measured in turns with the variant; None if they are one."""
    if variant.model is base:
        yield None
        return
    with tempfile.TemporaryDirectory(prefix="tidegate-export-") as folder:
        target = Path(folder) / "baseline"
        write_saved_model(base.servable, target)
        yield target


def _measured(version_dir: Path, model: Model, data: Data | None) -> Measured:
    with ServedModel(version_dir) as served:
        accuracy = measure_accuracy(served, data.test if data is not None else None)
    return Measured(size_on_disk(version_dir), model.parameters, accuracy)
