"""Turn the command line's words into options' values; what is wrong is said with what was wanted."""

from __future__ import annotations

from export.errors import InvalidOptionsError
from export.options import MAX_VERSION, Precision, VersionPolicy

# Routes that were measured (TensorFlow 2.21, Keras 3.15) and don't pay, with the reason told to who asks for one.
REFUSED_PRECISIONS = {
    "mixed_bfloat16": "it keeps float32 weights, so nothing shrinks; use bfloat16",
    "mixed_float16": "it keeps float32 weights, so nothing shrinks; use float16",
    "int4": "Keras' int4 runs 3 to 9 times slower; use int8",
    "float8": "Keras' float8 neither shrinks nor speeds up a served model; use bfloat16",
    "gptq": "it needs a layer structure that plain Keras models lack; use int8",
    "awq": "it needs a layer structure that plain Keras models lack; use int8",
    "tflite-int16x8": "it runs 20 times slower than float32; use tflite-int8",
    "int8-dynamic": "dynamic XLA int8 runs 10 times slower than float32; use tflite-dynamic",
    "tensorrt": "TensorFlow 2.18 and later, and TensorFlow Serving with them, can't load TensorRT SavedModels",
}


def parse_precision(text: str) -> Precision:
    """Parse a precision by name. Raises: InvalidOptionsError, with the reason for one that is known not to pay."""
    try:
        return Precision(text)
    except ValueError:
        wanted = ", ".join(precision.value for precision in Precision)
        reason = f": {REFUSED_PRECISIONS[text]}" if text in REFUSED_PRECISIONS else " is not known"
        raise InvalidOptionsError(f"options: --precision {text!r}{reason}. Offered: {wanted}") from None


def parse_prune(text: str) -> float:
    """Parse `structured:RATIO` to the ratio. Raises: InvalidOptionsError."""
    kind, _, ratio = text.partition(":")
    try:
        if kind != "structured":
            raise ValueError(kind)
        return float(ratio)
    except ValueError:
        raise InvalidOptionsError(
            f"options: --prune {text!r}: must be structured:RATIO, such as structured:0.5 "
            "(zeros without structure bring no speed in TensorFlow Serving, so they aren't offered)"
        ) from None


def parse_gpu_memory(text: str) -> tuple[float | None, bool]:
    """Parse a share of the GPU's memory, or `growth`: the share (None for growth) and whether memory grows."""
    if text == "growth":
        return None, True
    try:
        return float(text), False
    except ValueError:
        raise InvalidOptionsError(f"options: --gpu-memory {text!r}: must be a share such as 0.85, or growth") from None


def parse_batch_sizes(text: str) -> tuple[int, ...]:
    """Parse `1,8,32`. Raises: InvalidOptionsError."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InvalidOptionsError(
            f"options: --allowed-batch-sizes {text!r}: must be whole numbers such as 1,8,32,64"
        ) from None


def parse_version_policy(text: str) -> VersionPolicy:
    """Parse `latest`, `latest:N`, `all` or `specific:1,2`. Raises: InvalidOptionsError."""
    try:
        return _version_policy(*text.partition(":")[::2])
    except ValueError:
        raise InvalidOptionsError(
            f"options: --version-policy {text!r}: must be latest, latest:N, all or specific:1,2"
        ) from None


def _version_policy(kind: str, rest: str) -> VersionPolicy:
    """Raises: ValueError for what is no policy."""
    if kind == "latest" and (count := int(rest or "1")) >= 1:
        return VersionPolicy(latest_count=count)
    if kind == "all" and not rest:
        return VersionPolicy()
    if kind == "specific":
        versions = tuple(int(part) for part in rest.split(","))
        if all(1 <= version <= MAX_VERSION for version in versions):
            return VersionPolicy(specific=versions)
    raise ValueError(kind)
