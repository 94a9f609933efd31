"""Huffman strings of header blocks, decoded fast: short ones by a state machine, long ones by zlib.

RFC 7541's code is canonical, as deflate's are, and its codes of up to 15 bits together with one more, fifteen ones,
fill the code space exactly. So deflate can be told this very code, with fifteen ones as its end-of-block: inflating
the string (bits of each byte reversed: deflate starts at the low end) decodes it in C. Only "\\" and bytes that are no
printable ASCII have longer codes, except NUL: such strings, and all wrong ones, go to the hpack library.
"""

from __future__ import annotations

import zlib

from hpack.exceptions import HPACKDecodingError
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman

from gateway.http2.hpack_table import undecodable

_DEFLATE_MAX_BITS = 15
_SHORT_BYTES = 11  # up to here the state machine is faster: 0.1 us a byte against 1.3 us a string
_MACHINE_MAX_BITS = 8  # longer codes (rare punctuation) have no state of their own, which bounds the machine to 3 MB
# Fifteen ones and a zero: the end, if a code ends here or right before the padding, of which 7 bits take one byte less.
_END = b"\xff\x7f"
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def decode(data: bytes) -> str:
    """The string that `data` stands for, latin-1.

    Raises: ConnectionFault for a wrong or too long padding and for the end-of-string symbol.
    """
    if len(data) <= _SHORT_BYTES:
        node, text = _ROOT, ""
        try:
            for byte in data:
                node, piece = node[byte]
                text += piece
        except _RareCode:
            return _decode_slowly(data)
        return text if node.may_end else _decode_slowly(data)
    inflate = _copy_template()
    decoded = inflate.decompress(data.translate(_REVERSED) + _END)
    unused_bytes = len(inflate.unused_data)
    if inflate.eof and (unused_bytes == 0 or (unused_bytes == 1 and not _ends_a_byte_early(data))):
        return decoded.decode("latin-1")
    return _decode_slowly(data)


def _ends_a_byte_early(data: bytes) -> bool:
    """Whether the last byte is nothing but padding, one bit too much. Seven bits and eight use equally much of _END."""
    if data[-1] != 0xFF:
        return False
    inflate = _copy_template()
    inflate.decompress(data[:-1].translate(_REVERSED) + _END)
    return inflate.eof and not inflate.unused_data


def _decode_slowly(data: bytes) -> str:
    try:
        return decode_huffman(data).decode("latin-1")
    except HPACKDecodingError as error:
        raise undecodable(f"Huffman string of {len(data)} bytes: {error}") from error


class _RareCode(Exception):
    """The state machine met a code that it has no state for."""


class _Node(dict[int, "tuple[_Node, str]"]):
    """A state: the bits of a code not yet complete. Maps the next byte to the next state and what is complete now."""

    __slots__ = ("bits", "may_end")

    def __init__(self, bits: str) -> None:
        self.bits = bits
        self.may_end = "0" not in bits  # padding: the start of fifteen ones, at most 7 of them here

    def __missing__(self, byte: int) -> tuple[_Node, str]:
        bits, text = self.bits, ""
        for bit in f"{byte:08b}":
            bits += bit
            if bits in _SYMBOLS:
                bits, text = "", text + _SYMBOLS[bits]
        node = _NODES.get(bits)
        if node is None:
            raise _RareCode
        self[byte] = node, text
        return node, text


def _code_bits(symbol: int) -> str:
    return f"{REQUEST_CODES[symbol]:0{REQUEST_CODES_LENGTH[symbol]}b}"


_SYMBOLS = {
    _code_bits(symbol): chr(symbol) for symbol in range(256) if REQUEST_CODES_LENGTH[symbol] <= _MACHINE_MAX_BITS
}
_NODES = {bits: _Node(bits) for code in _SYMBOLS for bits in (code[:length] for length in range(len(code)))}
_ROOT = _NODES[""]


def _deflate_header() -> bytes:
    """The start of a deflate block (RFC 1951 3.2.7) which declares the Huffman code; whole bytes long."""
    lengths = [bits if bits <= _DEFLATE_MAX_BITS else 0 for bits in REQUEST_CODES_LENGTH[:256]]
    lengths += [_DEFLATE_MAX_BITS, 0, 0]  # end of block; two distance codes that are never used
    bits = "010" + "0000000"  # an empty block of the fixed code: ten bits, so that the whole is a multiple of eight
    bits += "101"  # the last block, dynamic code
    bits += "00000" + "10000" + "1111"  # 257 literals, 2 distances, 19 code lengths; numbers have their low bit first
    bits += "000" * 3 + "001" * 16  # of the 19, 16 to 18 (runs) are not used, 0 to 15 are four bits each:
    bits += "".join(f"{length:04b}" for length in lengths)  # so each length is its own code
    return bytes(int(bits[start : start + 8][::-1], 2) for start in range(0, len(bits), 8))


_TEMPLATE = zlib.decompressobj(wbits=-zlib.MAX_WBITS)
_TEMPLATE.decompress(_deflate_header())
_copy_template = _TEMPLATE.copy
