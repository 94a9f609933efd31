"""The reply to a joined request as one reply per member, in the encoding the server chose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.wire.encode import field_head, map_entry_head, tensor_head
from gateway.wire.reasons import Uncut
from gateway.wire.reply import STRINGS, Output, cut_values, judge_rows, read_reply

_OUTPUTS: Final = 1  # PredictResponse's field


def cut_response(reply: bytes, rows: Sequence[int], padding_rows: int = 0) -> list[bytes] | Uncut:
    """A serialized PredictResponse for each member, in order; the padding's rows are dropped.

    Shapes: every output is (sum(rows) + padding_rows, *features); member i's is (rows[i], *features). The model spec is
    the server's. Nothing is guessed: a reply that holds anything else, or values that are not exactly what its shapes
    say, is not cut.
    """
    parts = read_reply(reply)
    if isinstance(parts, Uncut):
        return parts
    counts = [*rows, padding_rows] if padding_rows else list(rows)
    columns: list[list[bytes]] = []
    for output in parts.outputs:
        tail = parts.spec if output is parts.outputs[-1] else b""
        column = _cut_output(output, counts, len(rows), tail)
        if isinstance(column, Uncut):
            return column
        columns.append(column)
    return columns[0] if len(columns) == 1 else [b"".join(entries) for entries in zip(*columns, strict=True)]


def _cut_output(output: Output, counts: list[int], members: int, tail: bytes) -> list[bytes] | Uncut:
    """The `outputs` entry of each member, and `tail`. Those whose rows and values take equally much share a head."""
    refusal = judge_rows(output, sum(counts))
    if refusal is not None:
        return refusal
    blocks = cut_values(output, counts)
    if isinstance(blocks, Uncut):
        return blocks
    if len(blocks) > members:
        del blocks[members:]
    if len(set(map(len, blocks))) == 1 and len(set(counts[:members])) == 1:
        head = output_head(output, counts[0], len(blocks[0]))
        return [head + block + tail for block in blocks]
    heads: dict[tuple[int, int], bytes] = {}
    entries = []
    for index, block in enumerate(blocks):
        key = (counts[index], len(block))
        head = heads.get(key, b"")
        if not head:
            head = heads[key] = output_head(output, counts[index], len(block))
        entries.append(head + block + tail)
    return entries


def output_head(output: Output, rows: int, size: int) -> bytes:
    """An `outputs` entry of `rows` rows like `output`'s up to where its `size` bytes of values begin."""
    head = tensor_head(output.dtype, (rows, *output.shape[1:]))
    if size and output.number != STRINGS:  # whose fields bring their own tags
        head += field_head(output.number, size)
    return map_entry_head(_OUTPUTS, output.alias, head, size)
