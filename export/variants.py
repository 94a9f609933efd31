"""Turn a source into the servable of the variant asked for: stripped, pruned, in another precision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from export.data import Data
from export.errors import UnsupportedVariantError
from export.options import ExportOptions, Precision
from export.precision import low_precision_clone
from export.rebuild import refuse_bad_weights, strip_augmentation
from export.servable import Servable, servable_from_keras, servable_from_saved_model
from export.source import Source

Say = Callable[[str], None]


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
class Variant:
    """What is to be written, and the account of its pruning for the report."""

    model: Model
    pruning: dict[str, object] | None


def float32_model(source: Source, options: ExportOptions, notes: list[str]) -> Model:
    """Make the servable of the source as it is, augmentation stripped.

    Raises: UnsupportedVariantError when a variant is asked of a SavedModel; UnservableModelError, BadModelFileError.
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
    asked = [f"--precision {options.precision.value}"] if options.precision is not Precision.FLOAT32 else []
    asked += [f"--prune {options.prune}"] if options.prune else []
    if asked:
        raise UnsupportedVariantError(
            f"{options.model_path}: {' and '.join(asked)} need the Keras model (.keras or .h5); "
            "a SavedModel's layers can't be taken apart"
        )


def build_variant(base: Model, options: ExportOptions, data: Data | None, say: Say) -> Variant:
    """Prune and convert as asked. Raises: UnsupportedVariantError, FineTuneError."""
    model, account = base.keras_model, None
    if options.prune is not None and data is not None:
        from export.pruning.prune import prune_model

        model, account = prune_model(model, options, data, say)
    if options.precision is not Precision.FLOAT32:
        say(f"Casting the layers to {options.precision.value}, float32 at the edges")
        model = low_precision_clone(model, options.precision)
    if model is base.keras_model:
        return Variant(base, account)
    return Variant(Model(servable_from_keras(model, _output_dtypes(base.servable)), model), account)


def _output_dtypes(servable: Servable) -> Mapping[str, str]:
    return {alias: info.dtype for alias, info in servable.signature.outputs.items()}
