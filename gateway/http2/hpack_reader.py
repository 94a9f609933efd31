"""Header blocks read by what they mean: a block seen before, under the same tables, is looked up whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from gateway.http2.hpack_table import Decoder, Field

T = TypeVar("T")


class HeaderReader(Generic[T]):
    """Reads one direction's header blocks, in order, into what `interpret` makes of their fields.

    `interpret` must be pure: its result, if not None, is given again for an equal block. Kept are at most `max_blocks`
    blocks of at most `max_block_bytes`, only such as left the tables alone, none beyond the next change of the tables.
    """

    __slots__ = ("_blocks", "_decoder", "_interpret", "_max_block_bytes", "_max_blocks", "hits", "misses")

    def __init__(
        self,
        decoder: Decoder,
        interpret: Callable[[list[Field]], T],
        max_blocks: int = 64,
        max_block_bytes: int = 1024,
    ) -> None:
        self._decoder = decoder
        self._interpret = interpret
        self._max_blocks = max_blocks
        self._max_block_bytes = max_block_bytes
        self._blocks: dict[bytes, T] = {}
        self.hits = 0
        self.misses = 0

    def read(self, block: bytes) -> T:
        """What `block` means. Raises what the decoder and `interpret` raise, again for each such block."""
        known = self._blocks.get(block)
        if known is not None:
            self.hits += 1
            return known
        return self._read_new(block)

    def fields(self, block: bytes) -> list[Field]:
        """The fields of a block that has another meaning; it changes the tables all the same."""
        decoder = self._decoder
        try:
            return decoder.decode(block)
        finally:
            if decoder.changed and self._blocks:
                self._blocks.clear()

    def _read_new(self, block: bytes) -> T:
        self.misses += 1
        decoder = self._decoder
        meaning = self._interpret(self.fields(block))
        if not decoder.changed and len(block) <= self._max_block_bytes and self._max_blocks > 0:
            if len(self._blocks) >= self._max_blocks:
                self._blocks.clear()
            self._blocks[block] = meaning
        return meaning
