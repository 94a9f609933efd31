"""The replies to the pieces of a split request as the one reply to the whole."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.wire.cut import output_head
from gateway.wire.reasons import Uncut
from gateway.wire.reply import CONTENT, Output, Reply, cut_values, judge_rows, read_reply, split_string_content
from gateway.wire.tensor import DT_STRING


def glue_responses(replies: Sequence[bytes], rows: Sequence[int]) -> bytes | Uncut:
    """One serialized PredictResponse of all rows, in order; reply i has rows[i] rows of every output.

    What stands beside the values (spec, aliases, dtypes, features, encoding) must be the same in all.
    """
    parts: list[Reply] = []
    for reply in replies:
        part = read_reply(reply)
        if isinstance(part, Uncut):
            return part
        parts.append(part)
    first = parts[0]
    if any(part.spec != first.spec or len(part.outputs) != len(first.outputs) for part in parts):
        return Uncut.PIECES
    columns = [{output.alias: output for output in part.outputs} for part in parts]  # a map has no order
    entries: list[bytes] = []
    for output in first.outputs:
        if any(output.alias not in column for column in columns):
            return Uncut.PIECES
        entry = _glue([column[output.alias] for column in columns], rows)
        if isinstance(entry, Uncut):
            return entry
        entries.append(entry)
    return b"".join(entries) + first.spec


def _glue(pieces: list[Output], rows: Sequence[int]) -> bytes | Uncut:
    first = pieces[0]
    for piece, count in zip(pieces, rows, strict=True):
        refusal = judge_rows(piece, count)
        if refusal is not None:
            return refusal
        if (piece.dtype, piece.shape[1:], piece.number) != (first.dtype, first.shape[1:], first.number):
            return Uncut.PIECES
        whole = cut_values(piece, [count])
        if isinstance(whole, Uncut):
            return whole
    if first.dtype == DT_STRING and first.number == CONTENT:
        values = _glue_string_content(pieces)
    else:
        values = b"".join([piece.values for piece in pieces])
    return output_head(first, sum(rows), len(values)) + values


def _glue_string_content(pieces: list[Output]) -> bytes:
    """All lengths, then all characters."""
    lengths, characters = [], []
    for piece in pieces:
        count = 1
        for size in piece.shape:
            count *= size
        begin = split_string_content(piece.values, count)
        lengths.append(piece.values[:begin])
        characters.append(piece.values[begin:])
    return b"".join(lengths + characters)
