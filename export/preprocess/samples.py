"""Make plausible raw rows for a chain of steps: small real images, words of the vocabulary, numbers that fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from export.preprocess.schema import DecodeImage, LookUp
from export.preprocess.spec import PreparedInput
from export.sample import OPEN_SIZE, random_rows

Array = npt.NDArray[Any]
NOISE_SIDES = (24, 96)  # of the made-up images, in pixels: sizes differ within a batch


def raw_samples(prepared: PreparedInput, rows: int, rng: np.random.Generator) -> Array:
    """Return (rows, *features) of the raw dtype: what the first step takes decides."""
    first = prepared.steps[0]
    if isinstance(first, DecodeImage):
        return np.array([encoded_image(first.channels, number, rng) for number in range(rows)], object)
    if isinstance(first, LookUp):
        shape = (rows, *(OPEN_SIZE if size is None else size for size in prepared.raw.shape[1:]))
        entries = np.array(first.vocabulary or [], object)
        words = entries[rng.integers(0, len(entries), shape)]
        return words if prepared.raw.dtype == "string" else words.astype(prepared.raw.dtype)
    return random_rows(prepared.raw, rows, rng)


def encoded_image(channels: int, number: int, rng: np.random.Generator) -> bytes:
    """One image of random pixels and size as bytes: PNG and JPEG in turn."""
    import tensorflow as tf

    height, width = (int(side) for side in rng.integers(*NOISE_SIDES, 2))
    pixels = rng.integers(0, 256, (height, width, channels)).astype(np.uint8)
    encoded = tf.io.encode_jpeg(pixels) if number % 2 else tf.io.encode_png(pixels)
    content = encoded.numpy()
    assert isinstance(content, bytes)  # of a scalar string tensor
    return content
