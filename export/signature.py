"""A servable's signature: names, dtypes and shapes, read from a SavedModel without TensorFlow, compared in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SERVING_DEFAULT = "serving_default"
PREDICT_METHOD = "tensorflow/serving/predict"
TFLITE_FILE = "model.tflite"  # the name TensorFlow Serving looks for in a version's folder

Shape = tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """One input or output: dtype by TensorFlow's name (`uint8`, `float32`); shape with None for an open dimension."""

    dtype: str
    shape: Shape

    def __str__(self) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in self.shape)
        return f"{self.dtype} ({sizes})"

    def as_json(self) -> dict[str, object]:
        """Open dimensions are -1, as in TensorFlow's own TensorShapeProto."""
        return {"dtype": self.dtype, "shape": [-1 if size is None else size for size in self.shape]}


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs by alias, the names that callers use."""

    inputs: Mapping[str, TensorInfo]
    outputs: Mapping[str, TensorInfo]

    def as_json(self) -> dict[str, object]:
        return {
            "name": SERVING_DEFAULT,
            "method_name": PREDICT_METHOD,
            "inputs": {alias: info.as_json() for alias, info in sorted(self.inputs.items())},
            "outputs": {alias: info.as_json() for alias, info in sorted(self.outputs.items())},
        }


def is_tflite_version(version_dir: Path) -> bool:
    """Whether a version's folder holds a TensorFlow Lite model."""
    return (version_dir / TFLITE_FILE).is_file()


def signature_from_proto(signature_def: Any) -> Signature:
    """Turn a SignatureDef into names, dtypes and shapes.

    Raises: ValueError for a tensor without a known rank (such a signature can't be checked before a call).
    """
    return Signature(
        {alias: _tensor_info(alias, info) for alias, info in signature_def.inputs.items()},
        {alias: _tensor_info(alias, info) for alias, info in signature_def.outputs.items()},
    )


def read_signature(version_dir: Path) -> Signature:
    """Read `serving_default` of a version: a SavedModel's from its protobuf, `model.tflite`'s from its metadata.

    Raises: OSError when there is neither, ValueError when it is damaged or lacks the signature.
    """
    if is_tflite_version(version_dir):
        from export.quantize.signing import read_signed

        try:
            return read_signed((version_dir / TFLITE_FILE).read_bytes())
        except ValueError as error:
            raise ValueError(f"{version_dir / TFLITE_FILE}: {error}") from error
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel()
    try:
        saved_model.ParseFromString((version_dir / "saved_model.pb").read_bytes())
    except DecodeError as error:
        raise ValueError(f"{version_dir / 'saved_model.pb'} is damaged: {error}") from error
    for meta_graph in saved_model.meta_graphs:
        if "serve" in meta_graph.meta_info_def.tags and SERVING_DEFAULT in meta_graph.signature_def:
            return signature_from_proto(meta_graph.signature_def[SERVING_DEFAULT])
    raise ValueError(f"{version_dir / 'saved_model.pb'} has no signature {SERVING_DEFAULT!r} under the tag 'serve'")


def _tensor_info(alias: str, info: Any) -> TensorInfo:
    from protos.stubs.tidegate.wire.v1 import tensor_pb2

    if info.tensor_shape.unknown_rank:
        raise ValueError(f"tensor {alias!r} has no known rank")
    dtype = tensor_pb2.DataType.Name(info.dtype).removeprefix("DT_").lower()
    dtype = {"float": "float32", "double": "float64", "half": "float16"}.get(dtype, dtype)
    return TensorInfo(dtype, tuple(dim.size if dim.size >= 0 else None for dim in info.tensor_shape.dim))


def differences(old: Signature, new: Signature) -> list[str]:
    """Name each difference in words; an empty list when callers of the old one can call the new one unchanged."""
    found = []
    for kind, before, after in (("input", old.inputs, new.inputs), ("output", old.outputs, new.outputs)):
        for alias in sorted(before.keys() | after.keys()):
            if alias not in after:
                found.append(f"{kind} {alias!r} ({before[alias]}) is gone")
            elif alias not in before:
                found.append(f"{kind} {alias!r} ({after[alias]}) is new")
            elif before[alias] != after[alias]:
                found.append(f"{kind} {alias!r} was {before[alias]}, is {after[alias]}")
    return found
