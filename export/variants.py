"""Turn a source into the steps of an export: float32 as it is, then pruned, then in another precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from export.augmentation import strip_augmentation
from export.data import Data
from export.errors import UnsupportedVariantError
from export.options import ExportOptions, Precision
from export.precision import low_precision_clone
from export.rebuild import refuse_bad_weights
from export.servable import Servable, servable_from_keras, servable_from_saved_model
from export.source import Source

Say = Callable[[str], None]
INT8_NOTE = (
    "int8 in a SavedModel is simulated by TensorFlow's operations: the version is smaller, not faster. "
    "For speed on a CPU use tflite-int8"
)


@dataclass(frozen=True, slots=True)
class Model:
    """A servable and the Keras model behind it, None for a SavedModel."""

    servable: Servable
    keras_model: Any

    @property
    def parameters(self) -> int | None:
        """Number of weights; None where the source doesn't say."""
        return None if self.keras_model is None else int(self.keras_model.count_params())


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of what was asked for: its name in reports, what is to be written, and how."""

    name: str
    model: Model
    precision: Precision = Precision.FLOAT32
    is_xla: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """The steps from the float32 source, the first, to what is published, the last; and the account of pruning."""

    steps: tuple[Step, ...]
    pruning: dict[str, object] | None

    @property
    def is_baseline(self) -> bool:
        """Nothing was asked for but float32: there is nothing to judge."""
        return len(self.steps) == 1


def float32_model(source: Source, options: ExportOptions, notes: list[str]) -> Model:
    """Make the servable of the source as it is, augmentation stripped.

    Raises: UnsupportedVariantError when pruning or a clone is asked of a SavedModel; UnservableModelError,
    BadModelFileError.
    """
    if source.keras_model is None:
        _refuse_variants(options)
        servable = servable_from_saved_model(source.saved_model, source.path)
        others = sorted(set(source.saved_model.signatures) - {"serving_default"})
        if others:
            notes.append(f"only the signature serving_default is exported; left out: {', '.join(others)}")
        return Model(servable, None)
    servable_from_keras(source.keras_model)  # refuse what has no graph of layers before touching it
    refuse_bad_weights(source.keras_model)
    model, stripped = strip_augmentation(source.keras_model)
    if stripped:
        notes.append(f"augmentation layers were replaced by the identity: {', '.join(stripped)}")
    return Model(servable_from_keras(model), model)


def _refuse_variants(options: ExportOptions) -> None:
    asked = [f"--precision {options.precision.value}"] if options.precision.is_low_clone else []
    asked += [f"--prune {options.prune}"] if options.prune else []
    if asked:
        raise UnsupportedVariantError(
            f"{options.model_path}: {' and '.join(asked)} need the Keras model (.keras or .h5); "
            "a SavedModel's layers can't be taken apart"
        )


def build_variant(base: Model, options: ExportOptions, data: Data | None, notes: list[str], say: Say) -> Variant:
    """Prune and convert as asked. Raises: UnsupportedVariantError, FineTuneError."""
    steps, account = [Step("float32", base)], None
    if options.prune is not None and data is not None:
        from export.pruning.prune import prune_model

        smaller, account = prune_model(base.keras_model, options, data, say)
        steps.append(Step(str(options.prune), Model(_servable(smaller, base), smaller)))
    if options.precision is not Precision.FLOAT32:
        steps.append(_in_precision(steps[-1], base, options.precision, notes, say))
    if options.server.is_xla and not options.precision.is_tflite:
        last = steps[-1]
        steps.append(Step(_joined(last.name, "xla"), last.model, last.precision, is_xla=True))
    return Variant(tuple(steps), account)


def _in_precision(last: Step, base: Model, precision: Precision, notes: list[str], say: Say) -> Step:
    """The next step: a Keras clone, or the same model to be quantized from its written float32 version."""
    model = last.model
    if precision.is_low_clone:
        say(f"Casting the layers to {precision.value}, float32 at the edges")
        clone = low_precision_clone(model.keras_model, precision, notes)
        model = Model(_servable(clone, base), clone)
    if precision is Precision.INT8:
        notes.append(INT8_NOTE)
    return Step(_joined(last.name, precision.value), model, precision)


def _joined(before: str, name: str) -> str:
    return name if before == "float32" else f"{before}, {name}"


def _servable(model: Any, base: Model) -> Servable:
    """Outputs keep the dtypes of the float32 model, whatever the layers compute in."""
    return servable_from_keras(model, _output_dtypes(base.servable))


def _output_dtypes(servable: Servable) -> Mapping[str, str]:
    return {alias: info.dtype for alias, info in servable.signature.outputs.items()}
