"""Make input rows to try a servable with: the user's data where there is some, else plausible random rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from export.runtime import as_rows
from export.signature import Signature, TensorInfo

Array = npt.NDArray[Any]
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


def random_rows(info: TensorInfo, rows: int, rng: np.random.Generator) -> Array:
    """Random rows; integers stay at 0 and 1, which any embedding can look up (bytes use their whole range)."""
    shape = (rows, *(OPEN_SIZE if size is None else size for size in info.shape[1:]))
    if info.dtype == "string":
        return rng.integers(0, 10, shape).astype(str).astype(object)
    if info.dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if info.dtype == "uint8":
        return rng.integers(0, 256, shape).astype(np.uint8)
    if "int" in info.dtype:
        return rng.integers(0, 2, shape).astype(info.dtype)
    return as_rows(rng.standard_normal(shape), info.dtype)
