"""Make input rows to try a servable with: the user's data where there is some, else plausible random rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from export.runtime import as_rows
from export.signature import Signature, TensorInfo

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
LOOK_AT = 1024  # rows compared at once: test sets may be large
OPEN_SIZE = 32  # for a dimension the signature leaves open, other than the batch


def sample_rows(signature: Signature, rows: int, data: Mapping[str, Array] | None, seed: int = 0) -> dict[str, Array]:
    """Return inputs by alias, each (rows, *features), of the signature's dtypes; too few data rows are repeated."""
    if data is not None:
        return {
            alias: as_rows(np.resize(data[alias], (rows, *data[alias].shape[1:])), info.dtype)
            for alias, info in signature.inputs.items()
        }
    rng = np.random.default_rng(seed)
    return {alias: random_rows(info, rows, rng) for alias, info in sorted(signature.inputs.items())}


def different_rows(data: Mapping[str, Array], count: int) -> dict[str, Array]:
    """Pick `count` rows from anywhere in the data, by alias: each unlike the others in as many inputs as can be.

    Rows that are alike show nothing of a model that mixes its rows. Where all are, the first is repeated.
    """
    picked = [0]
    while len(picked) < count:
        picked.append(_most_unlike(data, picked))
    return {alias: values[picked] for alias, values in data.items()}


def _most_unlike(data: Mapping[str, Array], picked: Sequence[int]) -> int:
    """The first row that differs from all the picked ones in the most inputs."""
    best, most = 0, 0
    for start in range(0, len(next(iter(data.values()))), LOOK_AT):
        parts = [(values[start : start + LOOK_AT], [values[place] for place in picked]) for values in data.values()]
        unlike = np.sum([np.all([_differs(part, one) for one in ones], axis=0) for part, ones in parts], axis=0)
        if unlike.max() > most:
            best, most = start + int(unlike.argmax()), int(unlike.max())
        if most == len(data):
            break
    return best


def _differs(rows: Array, one: Array) -> Bools:
    """Which of the rows (rows, *features) differ from one row (*features), anywhere in it."""
    return np.asarray((rows != one).any(axis=tuple(range(1, rows.ndim))))


def is_constant(rows: Array) -> bool:
    """Whether all rows are alike."""
    return not bool(_differs(rows, rows[0]).any())


def random_rows(info: TensorInfo, rows: int, rng: np.random.Generator) -> Array:
    """Random rows; integers stay at 0 and 1, which any embedding can look up (bytes use their whole range).

    Of zeros and ones every second row is the one before turned around, so that rows never are all alike.
    """
    shape = (rows, *(OPEN_SIZE if size is None else size for size in info.shape[1:]))
    if info.dtype == "string":
        return rng.integers(0, 10, shape).astype(str).astype(object)
    if info.dtype == "bool":
        return _zeros_and_ones(shape, rng).astype(bool)
    if info.dtype == "uint8":
        return rng.integers(0, 256, shape).astype(np.uint8)
    if "int" in info.dtype:
        return _zeros_and_ones(shape, rng).astype(info.dtype)
    return as_rows(rng.standard_normal(shape), info.dtype)


def _zeros_and_ones(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    values = rng.integers(0, 2, shape)
    values[1::2] = 1 - values[0::2][: shape[0] // 2]
    return values
