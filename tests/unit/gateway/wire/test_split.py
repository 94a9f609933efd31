"""Promises of wire/split.py: the pieces of one caller's rows are those rows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.split import split_values
from tests.unit.gateway.wire.messages import Joined, joins


@settings(max_examples=60)
@given(joins())
def test_what_was_put_together_is_split_again(joined: Joined) -> None:
    whole = tuple(b"".join(column) for column in zip(*joined.values, strict=True))
    assert split_values(joined.features, whole, sum(joined.rows), joined.rows) == joined.values


@settings(max_examples=30)
@given(joins(), st.data())
def test_pieces_in_a_row_are_the_whole(joined: Joined, data: st.DataObject) -> None:
    rows = joined.rows[0]
    cuts = sorted(data.draw(st.sets(st.integers(1, rows))) | {rows})
    sizes = [end - start for start, end in zip([0, *cuts], cuts, strict=False)]
    pieces = split_values(joined.features, joined.values[0], rows, sizes)
    assert tuple(b"".join(column) for column in zip(*pieces, strict=True)) == joined.values[0]
    assert len(pieces) == len(sizes)
