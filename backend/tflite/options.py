"""What the flags say about TensorFlow Lite, and which version directories it concerns. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

MODEL_FILE = "model.tflite"
# Rows of one request, when an interpreter's own batching is on (TensorFlow Serving's kInitialBatchSize).
MAX_ROWS = 500
QUEUED_BATCHES_PER_INTERPRETER = 100


@dataclass(frozen=True, slots=True)
class TFLiteOptions:
    """`pools`: interpreters of each version, one thread each. `interpreters_per_pool`: above 1, requests are joined.

    TensorFlow Serving's names promise more: a pool is one interpreter, and the number of interpreters in it only says
    how many rows a joined batch may have (500 / interpreters_per_pool) unless the model itself fixes them.
    """

    pools: int
    interpreters_per_pool: int

    @property
    def interpreters(self) -> int:
        """Interpreters of a version, 1 or more."""
        return max(1, self.pools)

    @property
    def is_joining(self) -> bool:
        """Whether the interpreters' own batching is on, which needs no --enable_batching."""
        return self.interpreters_per_pool > 1

    def execution_rows(self, model_rows: int) -> int:
        """The most rows of one joined batch; `model_rows`: what the model's only input was written for, or -1."""
        return model_rows if model_rows > 1 else -(-MAX_ROWS // max(1, self.interpreters_per_pool))


def is_tflite(path: str) -> bool:
    """Whether this version directory is served by TensorFlow Lite, given that it is preferred."""
    return (Path(path) / MODEL_FILE).exists()
