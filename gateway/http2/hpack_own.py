"""Our own reader of header blocks: what the hpack library does, in a tenth of its time."""

from __future__ import annotations

from collections import deque

from gateway.http2 import huffman
from gateway.http2.hpack_table import (
    ENTRY_BYTES,
    INITIAL_TABLE_BYTES,
    LARGEST_STATIC_BYTES,
    STATIC_FIELDS,
    STATIC_LENGTH,
    Field,
    check_fields,
    check_list,
    list_bytes,
    name_is_valid,
    read_integer,
    undecodable,
    value_is_valid,
)

_NEWEST = -STATIC_LENGTH  # where an entry is inserted: right before the static ones
_MAX_KNOWN_NAMES = 1024
_MAX_KNOWN_NAME_BYTES = 64


class OwnDecoder:
    """A Decoder. `max_table_bytes` is the SETTINGS_HEADER_TABLE_SIZE we announce, the most the peer may change to."""

    __slots__ = (
        "_dropped_bytes",
        "_forbidden",
        "_largest_bytes",
        "_limit_bytes",
        "_literal_bytes",
        "_max_list_bytes",
        "_max_table_bytes",
        "_sizes",
        "_table",
        "_used_bytes",
        "changed",
    )

    def __init__(self, max_table_bytes: int = INITIAL_TABLE_BYTES, max_list_bytes: int = 16384) -> None:
        self.changed = False
        # Oldest dynamic entry to newest, then the static ones from last to first: index i is _table[-i].
        self._table: list[Field] = list(reversed(STATIC_FIELDS))
        self._sizes: deque[int] = deque()  # of the dynamic entries, oldest first
        self._used_bytes = 0
        self._limit_bytes = INITIAL_TABLE_BYTES
        self._max_table_bytes = max_table_bytes
        self._max_list_bytes = max_list_bytes
        self._largest_bytes = LARGEST_STATIC_BYTES  # no entry, also none that was evicted, was larger
        self._literal_bytes = self._dropped_bytes = 0  # of the block being read: literals held; fields no longer held
        self._forbidden = False  # whether a forbidden field came: from then on every field is looked at

    def decode(self, block: bytes) -> list[Field]:
        """See Decoder. Literals are judged as they come, entries of the table only once there may be a bad one."""
        self.changed = False
        self._literal_bytes = self._dropped_bytes = 0
        fields: list[Field] = []
        table, text, pos, end = self._table, block.decode("latin-1"), 0, len(block)
        try:
            while pos < end:
                byte = block[pos]
                pos += 1
                if 0x80 < byte < 0xFF:
                    fields.append(table[0x80 - byte])
                elif byte < 0x20 or 0x40 <= byte < 0x80:
                    pos = self._read_literal(byte, block, text, pos, fields)
                else:
                    pos = self._read_rare(byte, block, pos, fields)
        except IndexError as error:
            raise undecodable(f"index beyond the tables, or no whole field, before byte {pos} of {end}") from error
        if pos > end:
            raise undecodable(f"the block ends {pos - end} bytes before its last string")
        if self._dropped_bytes or self._literal_bytes + len(fields) * self._largest_bytes > self._max_list_bytes:
            check_list(self._dropped_bytes + list_bytes(fields), self._max_list_bytes)
        if self._forbidden:
            check_fields(fields)
        return fields

    def _read_literal(self, byte: int, block: bytes, text: str, pos: int, fields: list[Field]) -> int:
        """Read a field with its own value, at `pos` behind its first byte; `text` is `block`. The position after it."""
        prefix = 0x3F if byte >= 0x40 else 0x0F
        index = byte & prefix
        if index == 0:
            stop = pos + 1 + (block[pos] & 0x7F)
            name = _names.get(block[pos:stop])
            if name is None:
                name, stop = self._read_name(block, pos)
            pos = stop
        else:
            if index == prefix:
                index, pos = read_integer(block, pos, prefix)
            name = self._table[-index][0]
        first = block[pos]
        pos += 1
        length = first & 0x7F
        if length == 0x7F:
            length, pos = read_integer(block, pos, 0x7F)
        stop = pos + length
        value = text[pos:stop] if first < 0x80 else huffman.decode(block[pos:stop])
        if (value != value.strip() or "\0" in value or "\n" in value or "\r" in value) and not value_is_valid(value):
            self._forbidden = True
        size = len(name) + len(value) + ENTRY_BYTES
        field = name, value
        fields.append(field)
        if byte >= 0x40:
            self._insert(field, size)
        self._literal_bytes += size
        if self._literal_bytes > self._max_list_bytes:  # too large already: hold no more than that
            self._dropped_bytes += list_bytes(fields)
            self._literal_bytes = 0
            fields.clear()
        return stop

    def _insert(self, field: Field, size: int) -> None:
        """Add the newest entry, after making room; one larger than the whole table empties it: RFC 7541 4.4."""
        self.changed = True
        if size > self._largest_bytes:  # noqa: PLR1730 (a call of max() would cost more than all the rest)
            self._largest_bytes = size
        self._used_bytes += size
        if self._used_bytes > self._limit_bytes:
            self._evict()
            if size > self._limit_bytes:
                self._used_bytes = 0
                return
        self._table.insert(_NEWEST, field)
        self._sizes.append(size)

    def _evict(self) -> None:
        """Drop the oldest entries until the others, and an entry not yet in, are within the limit."""
        while self._used_bytes > self._limit_bytes and self._sizes:
            self._used_bytes -= self._sizes.popleft()
            del self._table[0]

    def _read_rare(self, byte: int, block: bytes, pos: int, fields: list[Field]) -> int:
        """What is no literal and no index of one byte, behind its first byte; the position after it."""
        if byte == 0xFF:
            index, pos = read_integer(block, pos, 0x7F)
            fields.append(self._table[-index])
            return pos
        if byte == 0x80:
            raise undecodable("index 0")
        if fields or self._dropped_bytes:
            raise undecodable("a table size update after the first field")
        size = byte & 0x1F
        if size == 0x1F:
            size, pos = read_integer(block, pos, 0x1F)
        if size > self._max_table_bytes:
            raise undecodable(f"header table of {size} bytes, at most {self._max_table_bytes} are allowed")
        self.changed |= size != self._limit_bytes
        self._limit_bytes = size
        self._evict()
        return pos

    def _read_name(self, block: bytes, pos: int) -> tuple[str, int]:
        """A name that is in no table and not known by its bytes; the position after it."""
        start = pos
        is_huffman = block[pos] >= 0x80
        length = block[pos] & 0x7F
        pos += 1
        if length == 0x7F:
            length, pos = read_integer(block, pos, 0x7F)
        stop = pos + length
        if stop > len(block):
            raise undecodable(f"a name of {length} bytes, {len(block) - pos} are left")
        raw = block[pos:stop]
        name = huffman.decode(raw) if is_huffman else raw.decode("latin-1")
        if not name_is_valid(name):
            self._forbidden = True
        elif length <= _MAX_KNOWN_NAME_BYTES:
            if len(_names) >= _MAX_KNOWN_NAMES:
                _names.clear()
            _names[block[start:stop]] = name
        return name, stop


# Valid names by their bytes in a block, length included: peers repeat a few. A memo, shared by all connections.
_names: dict[bytes, str] = {}
