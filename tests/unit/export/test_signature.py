"""Signatures: what a change means to callers, in words."""

from __future__ import annotations

from export.signature import Signature, TensorInfo, differences

PIXELS = TensorInfo("uint8", (None, 8, 8, 1))
SCORES = TensorInfo("float32", (None, 10))


def test_equal_signatures_have_no_differences() -> None:
    assert differences(Signature({"a": PIXELS}, {"b": SCORES}), Signature({"a": PIXELS}, {"b": SCORES})) == []


def test_every_difference_is_named() -> None:
    old = Signature({"pixels": PIXELS, "mask": PIXELS}, {"scores": SCORES})
    new = Signature(
        {"pixels": TensorInfo("float32", (None, 8, 8, 1)), "hints": PIXELS},
        {"scores": TensorInfo("float32", (None, 11))},
    )
    assert differences(old, new) == [
        "input 'hints' (uint8 (?, 8, 8, 1)) is new",
        "input 'mask' (uint8 (?, 8, 8, 1)) is gone",
        "input 'pixels' was uint8 (?, 8, 8, 1), is float32 (?, 8, 8, 1)",
        "output 'scores' was float32 (?, 10), is float32 (?, 11)",
    ]


def test_json_says_open_dimensions_as_tensorflow_does() -> None:
    assert PIXELS.as_json() == {"dtype": "uint8", "shape": [-1, 8, 8, 1]}
