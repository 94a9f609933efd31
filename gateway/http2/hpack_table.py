"""What both header decoders share: the static table, how sizes are counted, and which fields RFC 9113 forbids."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Protocol

from hpack.table import HeaderTable

from gateway.http2.errors import ConnectionFault, ErrorCode, HeaderListTooLarge, StreamFault

Field = tuple[str, str]  # name, value; latin-1, so that no byte is lost; a pseudo-header keeps its colon

ENTRY_BYTES = 32  # what each field counts beside its name and value: RFC 7541 4.1, RFC 9113 6.5.2
INITIAL_TABLE_BYTES = 4096  # the dynamic table both peers start with: RFC 9113 6.5.2
STATIC_LENGTH = len(HeaderTable.STATIC_TABLE)

# Index i is STATIC_FIELDS[i - 1].
STATIC_FIELDS: tuple[Field, ...] = tuple(
    (n.decode("latin-1"), v.decode("latin-1")) for n, v in HeaderTable.STATIC_TABLE
)
LARGEST_STATIC_BYTES = max(len(name) + len(value) + ENTRY_BYTES for name, value in STATIC_FIELDS)

_NAME = re.compile(r":?[!#$%&'*+\-.^_`|~0-9a-z]+")  # RFC 9110 tokens in lower case; one colon opens a pseudo-header
_VALUE = re.compile(r"(?![ \t])[^\0\r\n]*(?<![ \t])")
_MAX_SHOWN = 64
_MAX_CONTINUATION_BYTES = 5  # of an integer: 35 bits, more than any length or index we could take


class Decoder(Protocol):
    """One direction of a connection: blocks must come in the order in which the peer sent them."""

    changed: bool  # whether the last block changed the dynamic table or its size

    def decode(self, block: bytes) -> list[Field]:
        """The fields of one whole header block.

        Raises: ConnectionFault (COMPRESSION_ERROR) if the block can't be decoded: the tables are lost. The others leave
        the tables as the peer has them: HeaderListTooLarge, else StreamFault (PROTOCOL_ERROR) for a forbidden field.
        """


def undecodable(reason: str) -> ConnectionFault:
    """The fault of a peer whose header blocks can't be followed any longer."""
    return ConnectionFault(ErrorCode.COMPRESSION_ERROR, reason)


def read_integer(block: bytes, pos: int, prefix: int) -> tuple[int, int]:
    """The rest, at `pos`, of an integer whose prefix was all ones (`prefix`): its value and the position after it.

    Raises: ConnectionFault for more than 5 bytes; IndexError where the block ends inside the integer.
    """
    for shift in range(0, 7 * _MAX_CONTINUATION_BYTES, 7):
        byte = block[pos]
        pos += 1
        prefix += (byte & 0x7F) << shift
        if byte < 0x80:
            return prefix, pos
    raise undecodable(f"an integer of more than {_MAX_CONTINUATION_BYTES} bytes after its prefix")


def list_bytes(fields: Iterable[Field]) -> int:
    """The size of a header list as SETTINGS_MAX_HEADER_LIST_SIZE counts it."""
    return sum(len(name) + len(value) + ENTRY_BYTES for name, value in fields)


def check_list(size_bytes: int, max_bytes: int) -> None:
    """Raise HeaderListTooLarge for a list beyond its bound."""
    if size_bytes > max_bytes:
        raise HeaderListTooLarge(size_bytes, max_bytes)


def name_is_valid(name: str) -> bool:
    """Whether `name` is a token in lower case, after a colon or not: RFC 9113 8.2.1 and 8.3."""
    return _NAME.fullmatch(name) is not None


def value_is_valid(value: str) -> bool:
    """Whether `value` has no NUL, CR or LF anywhere and no space or tab at its ends: RFC 9113 8.2.1."""
    return _VALUE.fullmatch(value) is not None


def check_fields(fields: Iterable[Field]) -> None:
    """Raise StreamFault for the first field that must not be in a message; values stay out of the words."""
    for name, value in fields:
        shown = repr(name[:_MAX_SHOWN])
        if not name_is_valid(name):
            raise StreamFault(ErrorCode.PROTOCOL_ERROR, f"field name {shown} is not a token in lower case")
        if not value_is_valid(value):
            raise StreamFault(
                ErrorCode.PROTOCOL_ERROR, f"the value of {shown} has a NUL, CR or LF in it or a space or tab at an end"
            )
