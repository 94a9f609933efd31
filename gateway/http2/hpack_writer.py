"""Header blocks written without state: static table and plain literals, so right whatever table the peer keeps."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from gateway.http2.hpack_table import STATIC_FIELDS

TABLE_SIZE_ZERO = b"\x20"  # must open the first block after a peer lowered its table below the 4096 bytes it began with

_KEPT_NAMES = 1024
_LENGTHS = tuple(bytes((length,)) for length in range(0x7F))  # string lengths that fit their prefix; no Huffman


def encode_field(name: str | bytes, value: str | bytes, never_indexed: bool = False) -> bytes:
    """One field: an index if the static table has it whole, else a literal that enters no table.

    `never_indexed` forbids those behind the peer to put it in a table, too. Strings must be latin-1 and, as all names
    and values, valid: nothing is checked here. Raises UnicodeEncodeError for a string that is not latin-1.
    """
    prefix, indexed = _name_prefix(name, never_indexed)
    raw = value.encode("latin-1") if isinstance(value, str) else value
    if indexed is not None and raw in indexed:
        return indexed[raw]
    length = len(raw)
    if length < 0x7F:
        return prefix + _LENGTHS[length] + raw
    return prefix + _encode_integer(length, 0x7F, 0) + raw


def encode_fields(fields: Iterable[tuple[str, str | bytes]]) -> bytes:
    """A block of these fields, in their order (pseudo-headers must come first)."""
    return b"".join([encode_field(name, value) for name, value in fields])


def _encode_integer(value: int, prefix: int, first: int) -> bytes:
    """RFC 7541 5.1: `value` in the low bits `prefix` of a byte whose other bits are `first`, and bytes after it."""
    if value < prefix:
        return bytes((first | value,))
    encoded = bytearray((first | prefix,))
    value -= prefix
    while value >= 0x80:
        encoded.append(0x80 | value & 0x7F)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _static_indexes() -> tuple[dict[str, int], dict[str, dict[bytes, bytes]]]:
    """The first index of each static name; and for names with values, each value's whole field."""
    names: dict[str, int] = {}
    wholes: dict[str, dict[bytes, bytes]] = {}
    for index, (name, value) in enumerate(STATIC_FIELDS, 1):
        names.setdefault(name, index)
        if value:
            wholes.setdefault(name, {})[value.encode("latin-1")] = _encode_integer(index, 0x7F, 0x80)
    return names, wholes


_NAMES, _WHOLES = _static_indexes()


@lru_cache(maxsize=_KEPT_NAMES)
def _name_prefix(name: str | bytes, never_indexed: bool) -> tuple[bytes, dict[bytes, bytes] | None]:
    """All of a literal before its value, and the values with which the static table has this name."""
    text = name.decode("latin-1") if isinstance(name, bytes) else name
    first = 0x10 if never_indexed else 0x00
    index = _NAMES.get(text)
    if index is not None:
        return _encode_integer(index, 0x0F, first), None if never_indexed else _WHOLES.get(text)
    raw = text.encode("latin-1")
    return bytes((first,)) + _encode_integer(len(raw), 0x7F, 0) + raw, None
