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
from gateway.wire.spec import SpecView, ValuePlace, peek
from gateway.wire.tensor import Head
from protos.stubs.tidegate.wire.v1 import tensor_pb2

MAX_FORMS: Final = 1024  # clients choose what they send: of all lengths together,
MAX_ALIKE: Final = 16  # of one length, and
MAX_FORM_BYTES: Final = 512  # of one form, values not counted. More than that, and the values are among it

Part = tuple[int, bytes]  # where the bytes stand in the message
Form = tuple[tuple[Part, ...], SpecView]
Place = tuple[bytes, int, int, int]  # alias, field number, where the values begin and end

_VARINT, _FIXED64, _FIXED32 = 0, 1, 5
_INPUTS = 2  # PredictRequest's field: a map
_ALIAS, _TENSOR = 1, 2  # fields of its entries
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
        walked = _walked(message)
        if walked is None:
            return
        view.request = None  # its values are one call's
        view.places = _one_each(walked.places, view.heads)
        alike = self._by_length.setdefault(len(message), [])
        if len(alike) == MAX_ALIKE:
            del alike[0]
            self._count -= 1
        alike.append((_between(message, walked.places), view))
        self._count += 1
        if self._count > MAX_FORMS:
            self._count -= len(self._by_length.pop(next(iter(self._by_length))))


def around_values(message: bytes) -> tuple[Part, ...] | None:
    """All of a well-formed Predict but its values, in order; None where that is too much or too unusual to keep."""
    walked = _walked(message)
    return None if walked is None else _between(message, walked.places)


def _walked(message: bytes) -> _Walk | None:
    walk = _Walk(message)
    try:
        walk.request()
    except ValueError:
        return None
    return walk


def _between(message: bytes, places: list[Place]) -> tuple[Part, ...]:
    parts, start = [], 0
    for _, _, begin, end in places:
        parts.append((start, message[start:begin]))
        start = end
    if start < len(message):
        parts.append((start, message[start:]))
    return tuple(parts)


def _one_each(places: list[Place], heads: tuple[Head, ...]) -> tuple[ValuePlace, ...] | None:
    """Where each input's values lie, in the order of `heads`; None unless each has one run of them."""
    found = {alias: (number, begin, end) for alias, number, begin, end in places}
    aliases = [alias.encode() for alias, _, _ in heads]
    if len(found) != len(places) or found.keys() != set(aliases):
        return None
    return tuple([found[alias] for alias in aliases])


class _Walk:
    """Finds where the inputs' values begin and end, in order.

    Raises: ValueError for values that are no plain bytes, for more than MAX_FORM_BYTES of other things, and for what
    isn't understood. So the walk is short, however long the message.
    """

    __slots__ = ("_message", "_values_bytes", "places")

    def __init__(self, message: bytes) -> None:
        self._message = message
        self._values_bytes = 0
        self.places: list[Place] = []

    def request(self) -> None:
        """Walk the whole message, a Predict."""
        for number, kind, begin, end in self._fields(0, len(self._message)):
            if number == _INPUTS and kind == LENGTH_DELIMITED:
                self._input(begin, end)

    def _input(self, begin: int, end: int) -> None:
        """One entry of the map."""
        alias = b""
        for number, kind, start, stop in self._fields(begin, end):
            if kind == LENGTH_DELIMITED and number == _ALIAS:
                alias = self._message[start:stop]
            elif kind == LENGTH_DELIMITED and number == _TENSOR:
                self._tensor(alias, start, stop)

    def _tensor(self, alias: bytes, begin: int, end: int) -> None:
        for number, kind, start, stop in self._fields(begin, end):
            if kind == LENGTH_DELIMITED and number in _VALUE_FIELDS:
                self._values_bytes += stop - start
                self.places.append((alias, number, start, stop))
            elif number not in _HEAD_FIELDS:
                raise ValueError("values that are parsed one by one")

    def _fields(self, at: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """(number, wire type, where its content begins, where it ends) of each field."""
        while at < end:
            tag, at = _varint(self._message, at)
            begin, at = _content(self._message, at, tag & 7)
            if at > end:
                raise ValueError("a field beyond its message")
            yield tag >> 3, tag & 7, begin, at
            if begin - self._values_bytes > MAX_FORM_BYTES:
                raise ValueError("more than values")
        if end - self._values_bytes > MAX_FORM_BYTES:
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
