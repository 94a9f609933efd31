"""Predicts that differ in nothing but values: parsed once, known again by the bytes around the values.

Theory of operation. Most calls of a client are the same but for the numbers in them. What the gateway reads of a
Predict (SpecView) doesn't depend on those, so the view of one serves all of its form:

* A form is a parsed message without the contents of its tensors' packed value fields (`tensor_content`, `float_val`
  and the others that are plain bytes to us): the bytes that are left, each run with its place, and the whole length.
* A message of that length with those bytes in those places has the same tags and lengths before every value, so a
  parser finds the same fields in the same places, and takes the values as they come, as bytes have no form of their
  own. It is then as well-formed as the one that was parsed, and its view is the same.

The walk over the wire format below only finds where the values lie. Whatever it doesn't know makes no form: the call
is parsed like the first one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gateway.wire.encode import LENGTH_DELIMITED
from gateway.wire.spec import SpecView, peek
from protos.stubs.tidegate.wire.v1 import tensor_pb2

MAX_FORMS: Final = 1024  # clients choose what they send: of all lengths together,
MAX_ALIKE: Final = 16  # of one length, and
MAX_FORM_BYTES: Final = 512  # of one form, values not counted. More than that, and the values are among it

Part = tuple[int, bytes]  # where the bytes stand in the message
Form = tuple[tuple[Part, ...], SpecView]

_VARINT, _FIXED64, _FIXED32 = 0, 1, 5
_WAY_IN = (2, 2)  # PredictRequest.inputs, and the value of every map entry: a TensorProto
_HEAD_FIELDS = frozenset({1, 2, 3})  # TensorProto's dtype, shape and version
_VALUE_FIELDS: Final = frozenset(
    field.number
    for field in tensor_pb2.TensorProto.DESCRIPTOR.fields
    if field.type == field.TYPE_BYTES and not field.is_repeated
)


class Forms:
    """The latest forms and their views; when there are too many the oldest are forgotten."""

    __slots__ = ("_by_length", "_count")

    def __init__(self) -> None:
        self._by_length: dict[int, list[Form]] = {}
        self._count = 0

    def peek(self, message: bytes) -> SpecView:
        """As gateway.wire.spec.peek for a Predict, whose errors it raises; the view may be other calls' too."""
        for parts, view in self._by_length.get(len(message), ()):
            for place, part in parts:
                if not message.startswith(part, place):
                    break
            else:
                return view
        view = peek("Predict", message)
        if not (view.has_strings or view.client_id):
            self._keep(message, view)
        return view

    def __len__(self) -> int:
        return self._count

    def _keep(self, message: bytes, view: SpecView) -> None:
        parts = around_values(message)
        if parts is None:
            return
        view.request = None  # its values are one call's
        alike = self._by_length.setdefault(len(message), [])
        if len(alike) == MAX_ALIKE:
            del alike[0]
            self._count -= 1
        alike.append((parts, view))
        self._count += 1
        if self._count > MAX_FORMS:
            self._count -= len(self._by_length.pop(next(iter(self._by_length))))


def around_values(message: bytes) -> tuple[Part, ...] | None:
    """All of a well-formed Predict but its values, in order; None where that is too much or too unusual to keep."""
    parts, start = [], 0
    try:
        for begin, end in _values(message):
            parts.append((start, message[start:begin]))
            start = end
    except ValueError:
        return None
    if start < len(message):
        parts.append((start, message[start:]))
    return tuple(parts)


def _values(message: bytes) -> Iterator[tuple[int, int]]:
    """Where the inputs' values begin and end, in order.

    Raises: ValueError for values that are no plain bytes, for more than MAX_FORM_BYTES of other things, and for what
    isn't understood. So the walk is short, however long the message.
    """
    at, taken = 0, 0
    ends = [len(message)]  # of the message, of an entry of `inputs`, of the tensor in it
    while ends:
        if at == ends[-1]:
            ends.pop()
            continue
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        begin, at = _content(message, at, kind)
        if at > ends[-1]:
            raise ValueError("a field beyond its message")
        if len(ends) <= len(_WAY_IN):
            if kind == LENGTH_DELIMITED and number == _WAY_IN[len(ends) - 1]:
                ends.append(at)
                at = begin
        elif kind == LENGTH_DELIMITED and number in _VALUE_FIELDS:
            yield begin, at
            taken += at - begin
        elif number not in _HEAD_FIELDS:
            raise ValueError("values that are parsed one by one")
        if at - taken > MAX_FORM_BYTES:
            raise ValueError("more than values")


def _content(message: bytes, at: int, kind: int) -> tuple[int, int]:
    """Where a field's content begins and ends. Raises: ValueError."""
    if kind == LENGTH_DELIMITED:
        length, at = _varint(message, at)
        return at, at + length
    if kind == _VARINT:
        return at, _varint(message, at)[1]
    if kind in (_FIXED32, _FIXED64):
        return at, at + (4 if kind == _FIXED32 else 8)
    raise ValueError("a group")


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """(value, where the next byte is). Raises: ValueError past the message's end or after ten bytes."""
    value = 0
    for index, byte in enumerate(message[at : at + 10]):
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, at + index + 1
    raise ValueError("a varint without end")
