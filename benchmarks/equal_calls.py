"""Generated Predict calls: random rows, values, encodings, orders and output filters, as bytes. Pure.

Written field by field, since no protobuf library writes values unpacked, in several chunks, or in another order.
"""

from __future__ import annotations

import random
import struct
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.equal_spec import BOOL, COMPLEX64, FLOAT, MODELS, Dtype, Input, Model, Wire

MOST_ROWS: Final = 8
MOST_LETTERS: Final = 20
CONTENT: Final = 0.4  # share of tensors whose values stand in tensor_content
SHORT: Final = 1 / 8  # share of tensors with too few values: the last one counts for the rest
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5


@dataclass(frozen=True, slots=True)
class Generated:
    """One PredictRequest."""

    model: Model
    rows: int
    message: bytes


def generated(chance: random.Random, models: Sequence[Model] = MODELS) -> Generated:
    """A call of one of the models, each as likely."""
    model, rows = chance.choice(models), chance.randint(1, MOST_ROWS)
    spec = delimited(1, model.name.encode())
    if chance.random() < 0.5:
        spec += delimited(3, b"serving_default")
    fields = [delimited(1, spec)]
    for given in model.inputs:
        entry = [delimited(1, given.name.encode()), delimited(2, tensor(chance, given, rows))]
        fields.append(delimited(2, _shuffled(chance, entry)))
    asked = list(chance.choice(model.filters))
    chance.shuffle(asked)
    message = _shuffled(chance, fields)  # the filter's order is the caller's, so it is not mixed with the rest
    return Generated(model, rows, message + b"".join(delimited(3, name.encode()) for name in asked))


def tensor(chance: random.Random, given: Input, rows: int) -> bytes:
    """A TensorProto of `rows` rows, in any order of its fields and any encoding that clients may use."""
    count = rows
    for size in given.shape:
        count *= size
    dims = b"".join(delimited(2, varint_field(1, size)) for size in (rows, *given.shape))
    fields = [varint_field(1, given.dtype.number), delimited(2, dims)]
    if given.dtype.wire is Wire.BYTES:
        chunks = [delimited(given.dtype.field, chance.randbytes(chance.randrange(MOST_LETTERS))) for _ in range(count)]
        chunks = chunks[: _kept(chance, count)]
    else:
        values = _values(chance, given, count)
        if chance.random() < CONTENT:
            return _shuffled(chance, [*fields, delimited(4, values)])
        chunks = encoded(given.dtype, values[: _kept(chance, count) * given.dtype.size], chance.choice([*ENCODINGS]))
    before = chance.randrange(3)
    return _shuffled(chance, fields[:before]) + b"".join(chunks) + _shuffled(chance, fields[before:])


def _kept(chance: random.Random, count: int) -> int:
    return chance.randint(1, count) if chance.random() < SHORT else count


def encoded(dtype: Dtype, values: bytes, how: str) -> list[bytes]:
    """Little-endian elements of a fixed size as fields, in order. `how`: one of ENCODINGS."""
    if dtype.wire is Wire.FIXED:
        size = dtype.size // dtype.parts
        return ENCODINGS[how](dtype, [values[at : at + size] for at in range(0, len(values), size)])
    elements = (values[at : at + dtype.size] for at in range(0, len(values), dtype.size))
    numbers = (int.from_bytes(element, "little", signed=dtype.signed) & 2**64 - 1 for element in elements)
    return ENCODINGS[how](dtype, list(map(varint, numbers)))


def _packed(dtype: Dtype, parts: Sequence[bytes]) -> list[bytes]:
    return [delimited(dtype.field, b"".join(parts))]


def _unpacked(dtype: Dtype, parts: Sequence[bytes]) -> list[bytes]:
    kind = VARINT if dtype.wire is Wire.VARINT else FIXED32 if dtype.size // dtype.parts == 4 else FIXED64
    return [varint(dtype.field << 3 | kind) + part for part in parts]


def _chunked(dtype: Dtype, parts: Sequence[bytes]) -> list[bytes]:
    third = len(parts) // 3
    return [*_packed(dtype, parts[:third]), *_packed(dtype, parts[third:])]


def _mixed(dtype: Dtype, parts: Sequence[bytes]) -> list[bytes]:
    half = (len(parts) + 1) // 2
    return [*_packed(dtype, parts[:half]), *_unpacked(dtype, parts[half:])]


ENCODINGS: Final[dict[str, Callable[[Dtype, Sequence[bytes]], list[bytes]]]] = {
    "packed": _packed,
    "unpacked": _unpacked,
    "chunked": _chunked,
    "mixed": _mixed,
}


def _values(chance: random.Random, given: Input, count: int) -> bytes:
    """Elements of a fixed size, little-endian."""
    if given.dtype == BOOL:
        return bytes(bit & 1 for bit in chance.randbytes(count))
    if not given.tame:
        drawn = chance.randbytes(count * given.dtype.size)
        return quieted(drawn) if given.dtype in (FLOAT, COMPLEX64) else drawn
    values = struct.pack(f"<{count}f", *(2 * chance.random() - 1 for _ in range(count)))
    if given.dtype == FLOAT:
        return values
    return b"".join(values[at + 2 : at + 4] for at in range(0, len(values), 4))  # a bfloat16 is a float32's upper half


def quieted(floats: bytes) -> bytes:
    """float32 values whose signalling NaNs are made quiet ones, payload kept.

    Python has no float32, so the embedded backend quiets them when it reads float_val; TensorFlow Serving doesn't.
    """
    words = array("I", floats)
    for index, word in enumerate(words):
        if word & 0x7F800000 == 0x7F800000 and word & 0x007FFFFF:
            words[index] = word | 0x00400000
    return words.tobytes()


def _shuffled(chance: random.Random, fields: Sequence[bytes]) -> bytes:
    return b"".join(chance.sample(fields, len(fields)))


def delimited(number: int, content: bytes) -> bytes:
    """A field of bytes, a message, or packed values."""
    return varint(number << 3 | LENGTH) + varint(len(content)) + content


def varint_field(number: int, value: int) -> bytes:
    """A field of one number, 0 or more."""
    return varint(number << 3 | VARINT) + varint(value)


def varint(value: int) -> bytes:
    """`value` of 0 to 2**64 - 1 in groups of seven bits."""
    found = bytearray()
    while value > 0x7F:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    found.append(value)
    return bytes(found)
