"""A version in memory: what it can answer, and what runs it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from backend.batching.params import BatchingParams
from backend.signature import Signature
from backend.tensors import Array


class ModelRunner(Protocol):
    """Runs the graph of one version; safe to use from many threads."""

    def run(self, feeds: Sequence[str], arrays: Sequence[Array], fetches: Sequence[str]) -> list[Array]:
        """The fetched arrays in the order of `fetches`. Raises ServingError."""
        ...

    def close(self) -> None:
        """Free the version's memory."""
        ...


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A version in memory. `defaults` holds the arrays for inputs that a request may leave out, by signature.

    `signature_defs` are the messages as GetModelMetadata hands them out. `batching` None: its requests aren't joined.
    """

    signatures: Mapping[str, Signature]
    signature_defs: Mapping[str, Any]
    defaults: Mapping[str, Mapping[str, Array]]
    runner: ModelRunner
    batching: BatchingParams | None = None
