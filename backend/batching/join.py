"""Joining the inputs of a batch's requests along axis 0, and cutting its outputs apart. Pure numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.batching.params import BatchingParams
from backend.errors import failed_precondition, invalid_argument
from backend.tensors import Array

MAX_PADDED_RANK = 6


def batch_rows(arrays: Sequence[Array]) -> int:
    """The rows of one request: the size of axis 0, equal in all its inputs."""
    if not arrays:
        raise invalid_argument("Batching Run() must have at least one input tensor")
    if any(array.ndim == 0 for array in arrays):
        raise invalid_argument("Batching Run() input tensors must have at least one dimension")
    rows = arrays[0].shape[0]
    if any(array.shape[0] != rows for array in arrays):
        raise invalid_argument("Batching Run() input tensors must have equal 0th-dimension size")
    return int(rows)


def join(tensor: str, parts: Sequence[Array], params: BatchingParams) -> Array:
    """One input of all parts, stacked along axis 0 and padded to an allowed batch size with the last part's first row.

    Shapes: parts[i] is (rows_i, *features_i); features must be equal unless pad_variable_length_inputs is set: then
    each part is padded at its end with its own first element. Raises FAILED_PRECONDITION, which fails the whole batch.
    """
    if params.pad_variable_length_inputs:
        parts = _pad_features(parts)
    elif any(part.shape[1:] != parts[0].shape[1:] for part in parts):
        raise failed_precondition(
            f"Tensors with name '{tensor}' from different tasks have different shapes and padding is turned off. "
            "Set pad_variable_length_inputs to true, or ensure that all tensors with the same name have equal "
            "dimensions starting with the first dim."
        )
    rows = sum(len(part) for part in parts)
    padding = params.padded_rows(rows) - rows
    if padding == 0 and len(parts) == 1:
        return parts[0]
    filler = [np.repeat(parts[-1][:1], padding, axis=0)] if padding else []
    return np.concatenate([*parts, *filler])


def check_output(array: Array, rows: int) -> None:
    """An output can be cut only if its first axis is the batch's rows (padding included)."""
    if array.ndim == 0:
        raise failed_precondition("Batched output tensor has 0 dimensions")
    if array.shape[0] != rows:
        raise failed_precondition(
            "Batched output tensor's 0th dimension does not equal the sum of the "
            "0th dimension sizes of the input tensors"
        )


def _pad_features(parts: Sequence[Array]) -> list[Array]:
    rank = parts[0].ndim
    if rank > MAX_PADDED_RANK or any(part.ndim != rank for part in parts):
        raise invalid_argument(f"Only tensors of one rank from 1 to {MAX_PADDED_RANK} can be padded.")
    largest = [max(part.shape[axis] for part in parts) for axis in range(rank)]
    return [_pad_to(part, (len(part), *largest[1:])) for part in parts]


def _pad_to(part: Array, shape: tuple[int, ...]) -> Array:
    if part.shape == shape:
        return part
    filler = part.flat[0] if part.size else b"" if part.dtype == object else 0
    whole = np.full(shape, filler, dtype=part.dtype)
    whole[tuple(slice(size) for size in part.shape)] = part
    return whole
