"""How much memory one row takes on its way through a written SavedModel: the most that lives at the same time."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from export.signature import SERVING_DEFAULT


def peak_bytes_per_row(version_dir: Path) -> int | None:
    """Read the graph of `serving_default` and count; None where a tensor's size isn't known before a call.

    An estimate: operations that work in place need less, cuDNN's workspaces come on top. Raises: what TensorFlow's
    loader raises for a SavedModel that can't be read.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    loaded = tf.saved_model.load(str(version_dir))
    frozen = convert_variables_to_constants_v2(loaded.signatures[SERVING_DEFAULT])
    return peak_of(frozen.graph.get_operations())


def peak_of(operations: Iterable[Any]) -> int | None:
    """The most bytes of batched tensors that live at once when the operations run in this order, for one row.

    A tensor lives from the operation that makes it to the last that reads it; one with a first dimension of its own is
    a weight or a shape, and not counted.
    """
    in_order = list(operations)
    last_use: dict[str, int] = {}
    for index, operation in enumerate(in_order):
        for tensor in [*operation.outputs, *operation.inputs]:
            last_use[tensor.name] = index
    live = peak = 0
    ends: dict[int, int] = {}
    for index, operation in enumerate(in_order):
        for tensor in operation.outputs:
            size = _row_bytes(tensor)
            if size is None:
                return None
            live += size
            ends[last_use[tensor.name]] = ends.get(last_use[tensor.name], 0) + size
        peak = max(peak, live)
        live -= ends.pop(index, 0)
    return peak


def _row_bytes(tensor: Any) -> int | None:
    """Bytes of one row; 0 for what has no rows; None when a size isn't known."""
    if tensor.shape.rank is None or (None in tensor.shape.as_list()[1:] and tensor.shape[0] is None):
        return None
    if tensor.shape.rank == 0 or tensor.shape[0] is not None:
        return 0
    elements = 1
    for size in tensor.shape.as_list()[1:]:
        elements *= size
    return elements * max(1, tensor.dtype.size or 1)
