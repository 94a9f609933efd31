"""Each step of a preprocessing spec does what docs/preprocessing.md says, on a row alone as on rows together."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.preprocess.graph import preprocessing
from export.preprocess.spec import load_spec
from export.signature import Signature, TensorInfo

pytestmark = pytest.mark.slow

RAMP = np.arange(2 * 4 * 6 * 1, dtype="float32").reshape(2, 4, 6, 1)
MIDDLE = RAMP[:, 1:3, 2:4]
TO_MIDDLE = "{crop_or_pad: {height: 2, width: 2}}"


def prepare(tmp_path: Path, steps: str, rows: Any, wanted: TensorInfo, head: str = "") -> Any:
    """Run one input's steps on rows, together; check that each alone gives the same."""
    import tensorflow as tf

    (tmp_path / "spec.yaml").write_text(f"signatures: {{s: {{inputs: {{x: {{{head}steps: [{steps}]}}}}}}}}")
    signature = Signature({"x": wanted}, {})
    [extra] = preprocessing(load_spec(tmp_path / "spec.yaml", signature), signature).values()
    call = tf.function(extra.prepare, autograph=False)
    together = call({"x": tf.constant(rows)})["x"].numpy()
    for number, row in enumerate(together):
        np.testing.assert_array_equal(call({"x": tf.constant(rows[number : number + 1])})["x"].numpy(), row[None])
    return together


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (TO_MIDDLE, MIDDLE),
        (
            "{resize: {height: 2, width: 2, fit: crop, method: area}}",
            RAMP[:, :, 1:5].reshape(2, 2, 2, 2, 2, 1).mean((2, 4)),
        ),
        ("{resize: {height: 2, width: 2, method: nearest}}", RAMP[:, [1, 3]][:, :, [1, 4]]),
        (
            "{resize: {shorter_side: 2, method: area}}, " + TO_MIDDLE,
            RAMP.reshape(2, 2, 2, 3, 2, 1).mean((2, 4))[:, :, 0:2],
        ),
        (TO_MIDDLE + ", {scale: {by: 2, offset: -1}}", MIDDLE * 2 - 1),
        (TO_MIDDLE + ", {normalise: {mean: [3], std: [2]}}", (MIDDLE - 3) / 2),
        (
            "{reshape: {shape: [24]}}, {reverse_channels: {}}, {reshape: {shape: [4, 6, 1]}}, " + TO_MIDDLE,
            RAMP.reshape(2, 24)[:, ::-1].reshape(2, 4, 6, 1)[:, 1:3, 2:4],
        ),
        (TO_MIDDLE + ", {expand_dims: {axis: 0}}, {reshape: {shape: [2, 2, 1]}}", MIDDLE),
        (
            TO_MIDDLE + ", {scale: {by: 0.1}}, {cast: {dtype: int32}}, {cast: {dtype: float32}}",
            np.floor(MIDDLE * np.float32(0.1)),
        ),
    ],
)
def test_a_step_does_what_the_page_says(steps: str, expected: Any, tmp_path: Path) -> None:
    made = prepare(tmp_path, steps, RAMP, TensorInfo("float32", (None, 2, 2, 1)), "shape: [4, 6, 1], ")
    np.testing.assert_allclose(made, expected, rtol=1e-6)


def test_resizing_an_image_to_its_own_size_makes_floats_too(tmp_path: Path) -> None:
    pixels = np.arange(12, dtype="uint8").reshape(1, 2, 2, 3)
    steps = "{resize: {height: 2, width: 2}}, {normalise: {mean: [1, 2, 3], std: [1, 2, 4]}}"
    made = prepare(tmp_path, steps, pixels, TensorInfo("float32", (None, 2, 2, 3)), "dtype: uint8, ")
    np.testing.assert_allclose(made, (pixels - np.array([1.0, 2, 3])) / [1, 2, 4])


def test_fit_pad_keeps_the_whole_picture(tmp_path: Path) -> None:
    steps = "{resize: {height: 4, width: 4, fit: pad, method: area}}"
    made = prepare(
        tmp_path, steps, np.ones((2, 4, 8, 1), "float32"), TensorInfo("float32", (None, 4, 4, 1)), "shape: [4, 8, 1], "
    )
    np.testing.assert_array_equal(made[:, 1:3], np.ones((2, 2, 4, 1)))
    assert not made[:, [0, 3]].any()


@pytest.mark.parametrize("dtype", ["int8", "int32", "int64"])
def test_whole_numbers_are_looked_up(dtype: str, tmp_path: Path) -> None:
    steps = "{look_up: {vocabulary: [10, -20, 30], first_index: 5, out_of_vocabulary: -1}}"
    rows = np.array([[10], [30], [11], [-20]], dtype)
    made = prepare(tmp_path, steps, rows, TensorInfo("int64", (None, 1)), f"dtype: {dtype}, ")
    assert made.ravel().tolist() == [5, 7, -1, 6]


@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_any_size_and_kind_share_a_batch(channels: int, tmp_path: Path) -> None:
    import tensorflow as tf

    rng = np.random.default_rng(7)
    shapes = [(3, 4, 1), (64, 20, 3), (1, 1, 4), (30, 31, 3)]
    images = [rng.integers(0, 256, shape).astype("uint8") for shape in shapes]
    encoded = [tf.io.encode_png(one).numpy() for one in images[:3]] + [tf.io.encode_jpeg(images[3]).numpy()]
    steps = (
        f"{{decode_image: {{channels: {channels}}}}}, {{resize: {{shorter_side: 9, antialias: true}}}}, "
        "{crop_or_pad: {height: 8, width: 8}}"
    )
    made = prepare(tmp_path, steps, np.array(encoded, object), TensorInfo("float32", (None, 8, 8, channels)))
    assert made.shape == (4, 8, 8, channels) and np.isfinite(made).all()


def bmp(pixels: Any) -> bytes:
    """Pixels (height, width, 3), width a multiple of 4, as an uncompressed BMP of 24 bits."""
    height, width, _ = pixels.shape
    body: bytes = pixels[::-1, :, ::-1].tobytes()  # rows from the bottom, blue first
    head = struct.pack("<2sIHHI", b"BM", 54 + len(body), 0, 0, 54)
    return head + struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, len(body), 0, 0, 0, 0) + body


# The smallest whole GIF: one white pixel.
GIF = bytes.fromhex("47494638396101000100800000ffffff0000002c00000000010001000002024401003b")


def test_gif_and_colour_bmp_are_decoded_to_three_channels_and_refused_for_one(tmp_path: Path) -> None:
    import tensorflow as tf

    pixels = np.random.default_rng(7).integers(0, 256, (4, 4, 3)).astype("uint8")
    for encoded, wanted in ((bmp(pixels), pixels), (GIF, np.full((1, 1, 3), 255))):
        rows, shape = np.array([encoded], object), wanted.shape
        steps = "{decode_image: {channels: %d}}, {crop_or_pad: {height: %d, width: %d}}"
        made = prepare(tmp_path, steps % (3, *shape[:2]), rows, TensorInfo("uint8", (None, *shape)))
        np.testing.assert_array_equal(made[0], wanted)
        with pytest.raises(tf.errors.InvalidArgumentError):
            prepare(tmp_path, steps % (1, *shape[:2]), rows, TensorInfo("uint8", (None, *shape[:2], 1)))
