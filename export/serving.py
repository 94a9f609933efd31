"""Open a written version in the runtime that will serve it: TensorFlow Lite for `model.tflite`, else TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from export.runtime import Array
from export.signature import SERVING_DEFAULT, Signature, is_tflite_version


class Served(Protocol):
    """A version loaded from disk, ready to answer; a context manager that owns what it loaded; for one thread."""

    signature: Signature  # of serving_default
    signatures: dict[str, Signature]  # all, by name; TensorFlow Lite versions have serving_default alone

    def predict(self, inputs: Mapping[str, Array], name: str = SERVING_DEFAULT) -> dict[str, Array]:
        """Answer one call on the signature `name`: inputs by alias, each (rows, *features), to outputs by alias.

        Raises: ValueError for a shape that doesn't fit the signature, before the runtime sees it;
        tf.errors.OpError (a SavedModel) or RuntimeError (TensorFlow Lite) when the runtime fails.
        """
        ...

    def prepared(self, inputs: Mapping[str, Array]) -> tuple[Any, list[Array]]:
        """Return the bare call of `serving_default` and its arguments, for measuring; shapes are checked once."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None: ...


def open_served(version_dir: Path) -> Served:
    """Load a version. Raises: what its runtime's loader raises (OSError, ValueError for a damaged file)."""
    if is_tflite_version(version_dir):
        from export.quantize.runtime import ServedTFLite

        return ServedTFLite(version_dir)
    from export.runtime import ServedModel

    return ServedModel(version_dir)
