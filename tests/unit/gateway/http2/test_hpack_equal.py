"""Our own header decoder and the hpack library's tell the same over the life of a connection, whatever the peer sends.

Where the library differs from RFC 7541 and 9113, its adapter brings it in line (gateway/http2/hpack_library.py): it
would stop in the middle of a header list that is too large, demand a smaller table before the peer can know of it, and
it looks at no field's characters. It refuses integers of more than five bytes after their prefix, and so do we.
"""

from __future__ import annotations

from collections.abc import Sequence

import hpack
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.http2.errors import ConnectionFault, HeaderListTooLarge, StreamFault
from gateway.http2.hpack_library import LibraryDecoder
from gateway.http2.hpack_own import OwnDecoder
from gateway.http2.hpack_table import Decoder

_HUFFMAN = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)
_MAX_LIST_BYTES = 600  # small, so that lists are too large now and then

_NAMES = st.sampled_from([b":method", b":path", b"te", b"x-user-id", b"traceparent", b"Upper", b"", b"a b", b"\xe9"])
_VALUES = st.one_of(
    st.sampled_from([b"", b"GET", b"/", b"trailers", b" ", b"a\0b", b"tail\t", b"line\nline"]),
    st.binary(max_size=20),
    st.text(alphabet="0123456789abcdef-", min_size=20, max_size=150).map(str.encode),
)


def _integer(value: int, prefix: int, first: int) -> bytes:
    if value < prefix:
        return bytes((first | value,))
    encoded = [first | prefix]
    value -= prefix
    while value > 127:
        encoded.append(value & 127 | 128)
        value >>= 7
    return bytes((*encoded, value))


def _string(text: bytes, huffman: bool) -> bytes:
    coded = _HUFFMAN.encode(text) if huffman else text
    return _integer(len(coded), 127, 128 if huffman else 0) + coded


_strings = st.builds(_string, _VALUES, st.booleans())
_names = st.builds(_string, _NAMES, st.booleans())
# Most are right, so that a connection lives long enough to fill and empty its table.
_any_index = st.one_of(st.integers(60, 68), st.integers(0, 200), st.integers(0, 2**36))
_index = st.integers(0, 19).flatmap(lambda dice: _any_index if dice == 19 else st.integers(1, 61 + dice // 9))
_indexed = _index.map(lambda index: _integer(index, 127, 128))
_ways = st.sampled_from([(63, 64), (63, 64), (15, 0), (15, 16)])  # entered, not entered, never to be entered
_by_index = st.builds(lambda way, index, value: _integer(index, *way) + value, _ways, _index, _strings)
_literal = st.builds(lambda way, name, value: bytes((way[1],)) + name + value, _ways, _names, _strings)
_size = st.sampled_from([0, 40, 64, 70, 128, 500, 1000, 4000, 4096, 4096, 4097]).map(
    lambda size: _integer(size, 31, 32)
)
_raw_block = st.builds(
    lambda sizes, fields: b"".join(sizes + fields),
    st.just([]) | st.just([]) | st.lists(_size, max_size=2),
    st.lists(st.one_of(_indexed, _by_index, _literal, _literal), max_size=12),
)
_mutations = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255), st.booleans()), max_size=2)


def _mutated(block: bytes, mutations: Sequence[tuple[int, int, bool]]) -> bytes:
    changed = bytearray(block)
    for place, byte, is_cut in mutations:
        if is_cut:
            del changed[place % (len(changed) + 1) :]
        elif changed:
            changed[place % len(changed)] = byte
    return bytes(changed)


def _told(decoder: Decoder, block: bytes) -> tuple[object, ...]:
    """Everything that a connection sees of a block: fields or the kind of fault, and whether tables changed."""
    try:
        fields = decoder.decode(block)
    except ConnectionFault as fault:
        return "connection", fault.code
    except StreamFault as fault:
        return "stream", fault.code, fault.reason, decoder.changed
    except HeaderListTooLarge as error:
        return "too large", error.size_bytes, error.max_bytes, decoder.changed
    return "fields", fields, decoder.changed


def _assert_equal(blocks: Sequence[bytes], max_table_bytes: int = 4096) -> None:
    own = OwnDecoder(max_table_bytes, _MAX_LIST_BYTES)
    library = LibraryDecoder(max_table_bytes, _MAX_LIST_BYTES)
    for block in blocks:
        told = _told(own, block)
        assert told == _told(library, block)
        if told[0] == "connection":  # it is over, and what a decoder would say next means nothing
            return


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.lists(st.tuples(_NAMES, _VALUES, st.booleans()), max_size=10),
            st.sampled_from([None, None, 0, 64, 200, 4096]),
            st.booleans(),
        ),
        max_size=8,
    )
)
def test_what_an_encoder_writes_is_read_equally(
    plan: list[tuple[list[tuple[bytes, bytes, bool]], int | None, bool]],
) -> None:
    encoder, blocks = hpack.Encoder(), []
    for fields, table_bytes, huffman in plan:
        if table_bytes is not None:
            encoder.header_table_size = table_bytes
        blocks.append(encoder.encode(fields, huffman=huffman))
    _assert_equal(blocks)


@settings(max_examples=70, deadline=None)
@given(st.lists(_raw_block, max_size=6), st.sampled_from([4096, 4096, 64, 2**16]))
def test_any_choice_of_representations_is_read_equally(blocks: list[bytes], max_table_bytes: int) -> None:
    _assert_equal(blocks, max_table_bytes)


@settings(max_examples=70, deadline=None)
@given(st.lists(st.builds(_mutated, _raw_block, _mutations), max_size=6))
def test_damaged_blocks_are_read_equally(blocks: list[bytes]) -> None:
    _assert_equal(blocks)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_bytes_are_read_equally(blocks: list[bytes]) -> None:
    _assert_equal(blocks)
