"""Compares a joined reply with an unjoined one, decoded by TensorFlow itself, which is imported here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError
from tensorflow_serving.apis import predict_pb2

from benchmarks.equal_exchange import Reply
from benchmarks.equal_spec import Model

OK: Final = "0"


@dataclass(frozen=True, slots=True)
class Compared:
    """`problem`: what differs, None where nothing does that must not. `relative`: largest difference of any value."""

    problem: str | None = None
    relative: float = 0.0
    same_bytes: bool = False


def compare(model: Model, joined: Reply, alone: Reply) -> Compared:
    """Bit by bit, or within the model's rtol. A call that was refused on either side differs."""
    if (joined.status, alone.status) != (OK, OK):
        return Compared(f"grpc-status {joined.status} joined, {alone.status} alone; {OK} was wanted of both")
    if joined.message == alone.message:
        return Compared(same_bytes=True)
    try:
        ours, theirs = (predict_pb2.PredictResponse.FromString(reply.message) for reply in (joined, alone))
        if ours.model_spec != theirs.model_spec:
            return Compared(f"model spec {ours.model_spec} joined, {theirs.model_spec} alone")
        if set(ours.outputs) != set(theirs.outputs):
            return Compared(f"outputs {sorted(ours.outputs)} joined, {sorted(theirs.outputs)} alone")
        found = {name: _between(ours.outputs[name], tensor) for name, tensor in theirs.outputs.items()}
    except (DecodeError, tf.errors.OpError) as error:
        return Compared(f"a reply can't be read: {error}")
    problems = [f"{name}: {told}" for name, told in found.items() if isinstance(told, str)]
    numbers = {name: told for name, told in found.items() if not isinstance(told, str)}
    largest = max(numbers.values(), default=0.0)
    problems += [
        f"{name}: differs by {number:.3g} of its value, {model.rtol:g} is allowed"
        for name, number in numbers.items()
        if not number <= model.rtol
    ]
    return Compared("; ".join(problems) or None, largest)


def _between(ours: Any, theirs: Any) -> float | str:
    """Two TensorProtos: as `difference`. Raises: OpError."""
    one, two = ours.SerializeToString(), theirs.SerializeToString()
    if one == two:
        return 0.0
    return difference(tf.io.parse_tensor(one, ours.dtype).numpy(), tf.io.parse_tensor(two, theirs.dtype).numpy())


def difference(ours: Any, theirs: Any) -> float | str:
    """Largest relative one of two arrays, 0 if equal bit by bit; as text where they can't be compared as numbers."""
    if (ours.dtype, ours.shape) != (theirs.dtype, theirs.shape):
        return f"{ours.dtype} {ours.shape} joined, {theirs.dtype} {theirs.shape} alone"
    if ours.dtype == object:
        return 0.0 if ours.tolist() == theirs.tolist() else "strings differ"
    if ours.tobytes() == theirs.tobytes():
        return 0.0
    if ours.dtype not in (np.float32, np.float64):
        return "differs"
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = np.abs(ours - theirs) / np.abs(theirs)
    same = ours.view(f"u{ours.itemsize}") == theirs.view(f"u{ours.itemsize}")
    largest = float(np.max(np.where(same, 0.0, relative)))
    return largest if largest == largest else "NaN on one side, or in other bits"  # noqa: PLR0124 # that is NaN
