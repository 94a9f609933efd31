"""The same decoder over the hpack library: the reference that our own is compared with, and the fallback."""

from __future__ import annotations

import hpack
from hpack.table import HeaderTable

from gateway.http2.hpack_table import (
    INITIAL_TABLE_BYTES,
    Field,
    check_fields,
    check_list,
    list_bytes,
    read_integer,
    undecodable,
)


class LibraryDecoder:
    """A Decoder. Unlike our own it holds all fields of a block before it counts them."""

    __slots__ = ("_decoder", "_max_list_bytes", "_max_table_bytes", "_table", "changed")

    def __init__(self, max_table_bytes: int = INITIAL_TABLE_BYTES, max_list_bytes: int = 16384) -> None:
        self.changed = False
        self._table = _WatchedTable()
        # The library would stop in the middle of too long a list, and lose the peer's table by it.
        self._decoder = hpack.Decoder(max_header_list_size=2**63)
        self._decoder.header_table = self._table
        # It would also demand a lower table of a peer that can't have read our settings yet.
        self._decoder.max_allowed_table_size = max(max_table_bytes, INITIAL_TABLE_BYTES)
        self._max_table_bytes = max_table_bytes
        self._max_list_bytes = max_list_bytes

    def decode(self, block: bytes) -> list[Field]:
        """See Decoder."""
        self.changed = False
        self._table.inserted = False
        self._check_sizes(block)
        try:
            raw = list(self._decoder.decode(block, raw=True))
        except hpack.HPACKError as error:
            raise undecodable(str(error)) from error
        finally:
            self.changed |= self._table.inserted
        fields = [(bytes(name).decode("latin-1"), bytes(value).decode("latin-1")) for name, value in raw]
        check_list(list_bytes(fields), self._max_list_bytes)
        check_fields(fields)
        return fields

    def _check_sizes(self, block: bytes) -> None:
        """Judge the size updates that open a block by our own limit, and see whether one is a change."""
        pos, limit = 0, self._table.maxsize
        try:
            while pos < len(block) and 0x20 <= block[pos] < 0x40:
                size = block[pos] & 0x1F
                pos += 1
                if size == 0x1F:
                    size, pos = read_integer(block, pos, 0x1F)
                if size > self._max_table_bytes:
                    raise undecodable(f"header table of {size} bytes, at most {self._max_table_bytes} are allowed")
                self.changed |= size != limit
                limit = size
        except IndexError as error:
            raise undecodable("the block ends inside a table size update") from error


class _WatchedTable(HeaderTable):
    """The library's dynamic table; it says whether an entry was added."""

    def __init__(self) -> None:
        super().__init__()
        self.inserted = False

    def add(self, name: bytes, value: bytes) -> None:
        self.inserted = True
        super().add(name, value)
