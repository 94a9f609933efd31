"""Protobuf's wire format walked by hand: for what protobuf's own parser would lose, copy, or make slow lists of."""

from __future__ import annotations

from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
LENGTH_DELIMITED: Final = 2
FIXED32: Final = 5

_CONTINUED: Final = bytes(range(128, 256))  # bytes that don't end a varint
_FLAGS: Final = bytes(128) + b"\1" * 128  # 1 where the varint goes on
_TOO_LONG: Final = b"\1" * 10  # no varint has more than ten bytes
_FIRST_WINDOW: Final = 64  # values


class UnusualEncoding(ValueError):
    """Bytes that are no protobuf message, or one of a kind that we need not understand."""


def varint_at(data: bytes, at: int) -> tuple[int, int]:
    """(value, where the next byte is). Raises: UnusualEncoding after ten bytes; IndexError past the end."""
    value = data[at]
    if value < 128:
        return value, at + 1
    value &= 127
    for shift in range(7, 70, 7):
        at += 1
        byte = data[at]
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at + 1
    raise UnusualEncoding("a varint without end")


def field_at(data: bytes, at: int, end: int) -> tuple[int, int, int]:
    """(tag, where the content begins, where it ends) of the field at `at` in a message that ends at `end`.

    Raises: UnusualEncoding for a group, a wire type that isn't one, a field beyond its message; IndexError past the
    data's end.
    """
    tag, at = varint_at(data, at)
    kind = tag & 7
    if kind == LENGTH_DELIMITED:
        length, at = varint_at(data, at)
        stop = at + length
    elif kind == VARINT:
        stop = varint_at(data, at)[1]
    elif kind == FIXED32:
        stop = at + 4
    elif kind == FIXED64:
        stop = at + 8
    else:
        raise UnusualEncoding("a group")
    if stop > end:
        raise UnusualEncoding("a field beyond its message")
    return tag, at, stop


def fixed_run(data: bytes, at: int, end: int, width: int) -> tuple[bytes, int]:
    """(values, where the next field is) of the fields at `at` that all have its one-byte tag and `width` bytes.

    Values that a client wrote one by one: taken by strides, in windows that double, so that what isn't part of the run
    is hardly looked at.
    Raises: UnusualEncoding if the message ends within a value.
    """
    tag, step, window = data[at : at + 1], width + 1, _FIRST_WINDOW
    values = bytearray()
    while True:
        tags = data[at : min(end, at + window * step) : step]
        count = len(tags) - len(tags.lstrip(tag))
        stop = at + count * step
        if stop > end:
            raise UnusualEncoding("a value beyond its message")
        block = bytearray(count * width)
        for place in range(width):
            block[place::width] = data[at + 1 + place : stop : step]
        values += block
        at = stop
        if count < window:
            return bytes(values), at
        window *= 2


def varints_end(data: bytes, at: int, count: int) -> int:
    """Where `count` varints from `at` on end. Raises: UnusualEncoding if `data` ends before.

    Each look at as many bytes as varints are missing finds at least a tenth of them, without a step for each.
    """
    while count:
        window = data[at : at + count]
        if len(window) < count:
            raise UnusualEncoding("fewer varints than said")
        at += count
        count -= len(window.translate(None, _CONTINUED))
    return at


def are_varints(data: bytes) -> bool:
    """Whether `data` is nothing but whole varints of at most ten bytes."""
    return data.isascii() or (data[-1] < 128 and _TOO_LONG not in data.translate(_FLAGS))
