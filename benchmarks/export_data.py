"""Rows that the export sitting's models learn from and are held out for: real digits, and waveforms made here. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

SEED: Final = 5
TRAIN_IMAGES: Final = 750  # of 1,797; the other 1,047 are held out
COPIES: Final = 2  # moved copies of each training image, beside itself
SIDE: Final = 32
MOST_DEGREES, MOST_SHIFT = 12.0, 2.0  # of a moved copy; the shift in pixels of the large image
WAVES: Final = ("sine", "square", "triangle", "sawtooth", "chirp", "pulses")
STEPS: Final = 64  # of one waveform
TRAIN_WAVES, TEST_WAVES = 3000, 1200
NOISE: Final = 0.15  # standard deviation, beside an amplitude of 0.6 to 1.2

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """Inputs by alias, each (rows, *features) float32, and labels (rows,) int64.

    `sources`: for each row the number of the real image or waveform that it is, or was made from.
    """

    inputs: Mapping[str, Array]
    labels: npt.NDArray[np.int64]
    sources: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Task:
    """What to learn from and what to be held to; `words` say where it comes from and how it was split."""

    train: Rows
    test: Rows
    words: str


def digit_images(seed: int = SEED) -> Task:
    """scikit-learn's digits as `image` (rows, 32, 32, 1), 0..1; training images also turned and shifted a little."""
    images, labels, learn, held = _split_digits(seed)
    large = np.stack([enlarged(image) for image in images])
    rng = np.random.default_rng(seed)
    copies = [large[learn], *(np.stack([moved(large[one], rng) for one in learn]) for _ in range(COPIES))]
    train = Rows(
        {"image": np.concatenate(copies)[..., None]}, np.tile(labels[learn], COPIES + 1), np.tile(learn, COPIES + 1)
    )
    words = (
        f"scikit-learn's 1,797 handwritten digits, enlarged from 8 x 8 to {SIDE} x {SIDE}; {len(learn)} to learn from, "
        f"each with {COPIES} copies turned by up to {MOST_DEGREES:g} degrees and shifted by up to {MOST_SHIFT:g} "
        f"pixels; {len(held):,} held out, by class shares, seed {seed}"
    )
    return Task(train, Rows({"image": large[held][..., None]}, labels[held], held), words)


def digit_halves(seed: int = SEED) -> Task:
    """The same split of the digits, 8 x 8, in two inputs `upper` and `lower` of (rows, 32), 0..1."""
    images, labels, learn, held = _split_digits(seed)

    def rows(chosen: npt.NDArray[np.int64]) -> Rows:
        flat = images[chosen].reshape(len(chosen), 64)
        return Rows({"upper": flat[:, :32], "lower": flat[:, 32:]}, labels[chosen], chosen)

    words = (
        f"scikit-learn's 1,797 handwritten digits, the upper and the lower half as two inputs; {len(learn)} to learn "
        f"from, {len(held):,} held out, by class shares, seed {seed}"
    )
    return Task(rows(learn), rows(held), words)


def waveforms(seed: int = SEED) -> Task:
    """Noisy waveforms of six shapes as `wave` (rows, 64, 1): phase, frequency, amplitude and noise are drawn for each.

    Training and held-out rows come from streams of their own, so that no draw is shared.
    """
    learn, held = np.random.SeedSequence(seed).spawn(2)
    words = (
        f"waveforms made here, of six shapes ({', '.join(WAVES)}), {STEPS} steps; phase, frequency and amplitude "
        f"drawn for each, normal noise of {NOISE:g}; {TRAIN_WAVES:,} to learn from, {TEST_WAVES:,} held out, drawn "
        f"from separate streams, seed {seed}"
    )
    test = _waves(TEST_WAVES, np.random.default_rng(held), TRAIN_WAVES)
    return Task(_waves(TRAIN_WAVES, np.random.default_rng(learn), 0), test, words)


def enlarged(image: Array) -> Array:
    """(8, 8) to (32, 32), linear between pixels, nothing beyond the edge."""
    from scipy.ndimage import zoom

    return np.asarray(zoom(image, SIDE / len(image), order=1, mode="nearest", grid_mode=True), np.float32)


def moved(image: Array, rng: np.random.Generator) -> Array:
    """(32, 32), turned about its middle and shifted by small random amounts, empty where nothing was."""
    from scipy.ndimage import affine_transform

    angle = np.deg2rad(rng.uniform(-MOST_DEGREES, MOST_DEGREES))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.full(2, (SIDE - 1) / 2)
    shift = rng.uniform(-MOST_SHIFT, MOST_SHIFT, 2)
    return np.asarray(affine_transform(image, turn, middle - turn @ (middle + shift), order=1), np.float32)


def _split_digits(seed: int) -> tuple[Array, npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Images (1797, 8, 8) 0..1, labels, and the numbers of those to learn from and of those held out."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    numbers = np.arange(len(labels), dtype=np.int64)
    learn, held = train_test_split(numbers, train_size=TRAIN_IMAGES, random_state=seed, stratify=labels)
    scaled = (images.reshape(-1, 8, 8) / 16).astype(np.float32)
    return scaled, labels.astype(np.int64), learn, held


def _waves(rows: int, rng: np.random.Generator, first: int) -> Rows:
    """`first`: the number of the first one, as its source."""
    labels = np.arange(rows, dtype=np.int64) % len(WAVES)
    rng.shuffle(labels)
    values = np.stack([_wave(WAVES[label], rng) for label in labels])
    return Rows({"wave": values[..., None]}, labels, np.arange(first, first + rows, dtype=np.int64))


def _wave(shape: str, rng: np.random.Generator) -> Array:
    """(64,): two to five periods and noise."""
    periods, phase, amplitude = rng.uniform(2, 5), rng.uniform(0, 1), rng.uniform(0.6, 1.2)
    time = np.linspace(0, 1, STEPS, endpoint=False)
    turns = periods * time + phase
    if shape == "chirp":  # its frequency doubles and more on the way
        turns = periods * time * (0.5 + time) + phase
    part = turns % 1
    clean = {
        "sine": np.sin(2 * np.pi * turns),
        "chirp": np.sin(2 * np.pi * turns),
        "square": np.where(part < 0.5, 1.0, -1.0),
        "triangle": 4 * np.abs(part - 0.5) - 1,
        "sawtooth": 2 * part - 1,
        "pulses": np.where(part < 0.15, 1.0, -0.2),
    }[shape]
    return (amplitude * clean + rng.normal(0, NOISE, STEPS)).astype(np.float32)
