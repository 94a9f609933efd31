"""The story of one export: load, check, vary, write, verify, measure, judge, publish, write the serving files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from export.checksums import write_checksums
from export.data import Data, check_data_path, load_data
from export.failures import Publication, failures_told
from export.gate.figures import Candidate, Figures
from export.gate.judge import Verdict, judge
from export.gate.measure import measure_candidates
from export.gate.refusal import check_verdict
from export.gpu_memory import check_gpu_memory, gpu_memory_notes
from export.manifest import Outcome, manifest, write_manifest
from export.options import ExportOptions, Precision
from export.preprocess.graph import preprocessing
from export.preprocess.prepared import Preprocess
from export.preprocess.spec import load_spec, read_spec
from export.preprocess.verify import verify_preprocess
from export.publish import Staging
from export.report_files import write_reports
from export.serving_files import (
    ServingFiles,
    check_serving_files,
    planned_serving_files,
    prepared_serving_files,
    write_per_model_batching,
)
from export.signals import check_not_stopped
from export.source import Source, check_source_path, load_source
from export.space import check_export_space, estimate_bytes, rows_bytes, size_of
from export.steps import WrittenStep, write_steps
from export.temporary import base_folder, temporary_folder, temporary_root
from export.variants import Model, Variant, build_variant, float32_model
from export.versions import check_signature, check_version_is_free
from export.warmup import replay_warmup, write_warmup

FLOAT32_BYTES = 4

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to; version_dir: None after a dry run, with the serving files as they would be."""

    version_dir: Path | None
    manifest: dict[str, object]
    serving_files: ServingFiles


@dataclass(frozen=True, slots=True)
class Work:
    """What was read and built of the user's wishes, ready to be written; notes are what the user should know."""

    source: Source
    base: Model
    variant: Variant
    preprocess: Mapping[str, Preprocess]
    data: Data | None
    notes: list[str]


def precheck(options: ExportOptions) -> None:
    """Refuse what can be told without TensorFlow, whose import takes seconds. Raises: ExportError, OSError."""
    check_source_path(options.model_path, options.trust_model_code)
    if options.data_path is not None:
        check_data_path(options.data_path)
    if options.preprocess_path is not None:
        read_spec(options.preprocess_path)
    check_version_is_free(options.out_dir / options.name, options.version)
    check_gpu_memory(options, 0)


def run_export(options: ExportOptions, say: Say) -> Exported:
    """Export one version; `say` is told each step in plain words, and after a signal none.

    Raises: VariantRefusedError when the gate refuses it; PublishedError when the version is published but a serving
    file isn't written; InterruptedExportError, which says how far it came; any other ExportError. Unless the message
    says otherwise nothing is published and nothing else changed, save a base folder that was missing.
    """
    done = Publication()
    say = _until_stopped(say)
    with failures_told(options.out_dir, done), temporary_root() as done.temporary:
        precheck(options)
        check_serving_files(options)
        work = _prepare(options, say)
        base_path = options.out_dir / options.name
        with Staging(base_path, options.version, options.is_dry_run) as done.staging:
            content = _fill(done.staging, options, work, say)
            if options.is_dry_run:
                return Exported(None, content, planned_serving_files(options, done.staging.version))
            done.staging.sync()
            with prepared_serving_files(options, done.staging.version) as done.files:
                say(f"Publishing version {done.staging.version}")
                version_dir = done.staging.publish()
                return Exported(version_dir, content, done.files.put_in_place())


def _until_stopped(say: Say) -> Say:
    """A signal whose error a library swallowed takes effect at the next step. Raises: InterruptedExportError."""

    def told(text: str) -> None:
        check_not_stopped()
        say(text)

    return told


def _prepare(options: ExportOptions, say: Say) -> Work:
    """Load what was given and build what was asked for; nothing is written yet."""
    say(f"Loading {options.model_path}")
    source = load_source(options.model_path, options.trust_model_code, options.import_modules)
    notes: list[str] = []
    base = float32_model(source, options, notes)
    signature = base.servable.signature
    preprocess: Mapping[str, Preprocess] = {}
    if options.preprocess_path is not None:
        preprocess = preprocessing(load_spec(options.preprocess_path, signature), signature)
    data = load_data(options.data_path, signature) if options.data_path else None
    check_signature(options.out_dir / options.name, options.name, signature, options.allow_signature_change, notes)
    _check_space(options, source, data)
    return Work(source, base, build_variant(base, options, data, notes, say), preprocess, data, notes)


def _check_space(options: ExportOptions, source: Source, data: Data | None) -> None:
    """Room for the version; in the folder for temporary files, for what it is compared with, made from and tuned on."""
    beside = [options.prune is not None, options.precision is not Precision.FLOAT32, options.server.is_xla]
    beside.append(options.precision.is_tflite or options.precision is Precision.INT8)  # the float32 to quantize
    is_file = options.model_path.exists()
    source_bytes = size_of(options.model_path) if is_file else FLOAT32_BYTES * source.parameters
    training_bytes = rows_bytes(data.train) if data is not None and options.prune is not None else 0
    needed = estimate_bytes(source_bytes, sum(beside), options.is_dry_run, training_bytes)
    check_export_space(options.out_dir, base_folder(), needed)


def _fill(staging: Staging, options: ExportOptions, work: Work, say: Say) -> dict[str, object]:
    """Write the version into its temporary folder, prove, measure and judge it there; return export.json's content.

    Raises: VariantRefusedError when it doesn't pay.
    """
    folder = staging.path
    if staging.removed_stale:
        names = ", ".join(path.name for path in staging.removed_stale)
        work.notes.append(f"removed what dead exports left: {names}")
    rows = work.data.test.inputs if work.data is not None else None
    last = work.variant.steps[-1]
    with temporary_folder("steps") as others:
        written = write_steps(work.variant, others, folder, work.preprocess, work.data, work.notes, say)
        verify_preprocess(folder, last.model.servable, work.preprocess, last.precision, rows)
        work.notes.extend(gpu_memory_notes(options, folder))
        figures, verdict = _judged(options, work, written, say)
    write_warmup(folder, options.name, options.allowed_batch_sizes, rows, work.preprocess)
    warm = replay_warmup(folder)
    write_per_model_batching(folder, options)
    outcome = Outcome(
        version=staging.version,
        source_sha256=work.source.sha256,
        signature=work.base.servable.signature,
        preprocess=work.preprocess,
        frozen=written[-1].frozen,
        figures=figures,
        verdict=verdict,
        pruning=work.variant.pruning,
        warmup_batch_sizes=warm,
        notes=work.notes,
    )
    content = manifest(options, outcome)
    write_manifest(folder, content)
    write_reports(folder, content)
    write_checksums(folder)
    return content


def _judged(
    options: ExportOptions, work: Work, written: list[WrittenStep], say: Say
) -> tuple[list[Figures], Verdict | None]:
    """Measure all steps side by side and hold the last against float32; float32 alone is measured, not judged."""
    candidates = [Candidate(each.step.name, each.folder, each.step.model.parameters) for each in written]
    sizes = sorted({1, *options.allowed_batch_sizes})
    figures = measure_candidates(candidates, sizes, work.data.test if work.data is not None else None, say)
    if work.variant.is_baseline:
        return figures, None
    verdict = judge(figures[0], figures[-1], options.gate)
    check_verdict(verdict, figures)
    return figures, verdict
