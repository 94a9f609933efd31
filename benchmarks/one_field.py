"""Reads one field out of header blocks, HPACK at a fraction of a whole decoder's price. Pure.

Peers index fields that differ from call to call, so looking whole blocks up isn't enough, and a decoder that takes ten
times longer than the proxy before it would be what is measured. Two facts make it cheap: an index counts from the
newest entry, so entries that the peer has evicted need no bookkeeping, and strings that aren't wanted stay coded.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman

STATIC_ENTRIES: Final = 61
MOST_ENTRIES: Final = 4096 // 32  # of a table of the default size, which is never raised here
_ENCODER = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)


class OneField:
    """The value of the field `name` in each block of one direction, in order. `static_index`: its own, 0 for none."""

    def __init__(self, name: str, static_index: int = 0) -> None:
        plain = name.encode("ascii")
        coded = _ENCODER.encode(plain)
        self._names = {b"%c" % len(plain) + plain, b"%c" % (0x80 | len(coded)) + coded}
        self._static_index = static_index
        self._entries: deque[bytes | None] = deque(maxlen=MOST_ENTRIES)  # newest first; None: another field
        self._values: dict[bytes, str] = {}

    def read(self, block: bytes) -> str | None:
        """Its value; None without it. Raises: IndexError for a block that ends early or points nowhere."""
        found, at, end = None, 0, len(block)
        while at < end:
            first = block[at]
            if first & 0x80:  # a whole field by index
                index, at = _integer(block, at, 0x7F)
                value = self._entries[index - STATIC_ENTRIES - 1] if index > STATIC_ENTRIES else None
            elif first & 0xE0 == 0x20:  # the table's size changes
                at = _integer(block, at, 0x1F)[1]
                continue
            else:
                index, at = _integer(block, at, 0x3F if first & 0x40 else 0x0F)
                wanted = index == self._static_index
                if index > STATIC_ENTRIES:
                    wanted = self._entries[index - STATIC_ENTRIES - 1] is not None
                elif not index:
                    start, at = at, _string_end(block, at)
                    wanted = block[start:at] in self._names
                start, at = at, _string_end(block, at)
                value = block[start:at] if wanted else None
                if first & 0x40:
                    self._entries.appendleft(value)
            found = found if value is None else value
        if at > end:
            raise IndexError("a header block ends within a string")
        return None if found is None else self._decoded(found)

    def _decoded(self, coded: bytes) -> str:
        """A value of the peer's few, as text."""
        value = self._values.get(coded)
        if value is None:
            length, start = _integer(coded, 0, 0x7F)
            octets = coded[start : start + length]
            value = (decode_huffman(octets) if coded[0] & 0x80 else octets).decode("latin-1")
            if len(self._values) >= MOST_ENTRIES:
                self._values.clear()
            self._values[coded] = value
        return value


def _integer(block: bytes, at: int, most: int) -> tuple[int, int]:
    """An integer whose prefix's bits are `most`, and where it ends."""
    value = block[at] & most
    at += 1
    if value < most:
        return value, at
    shift = 0
    while True:
        octet = block[at]
        at += 1
        value += (octet & 0x7F) << shift
        shift += 7
        if octet < 0x80:
            return value, at


def _string_end(block: bytes, at: int) -> int:
    length = block[at] & 0x7F
    if length < 0x7F:
        return at + 1 + length
    length, at = _integer(block, at, 0x7F)
    return at + length
