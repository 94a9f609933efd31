"""Promises of batching/widen.py: how large padded members become is known before they are padded."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from gateway.batching.member import Member
from gateway.batching.widen import Widening, widened
from gateway.call import Call, Deadline
from gateway.wire.pad import MOST_STEPS, NEVER_BYTES
from gateway.wire.tensor import DT_STRING, Features, Values

FLOAT = 1


def made(features: Features, values: Values, rows: int = 1) -> Member:
    call = Call("Predict", b"", (), Deadline(), 0, lambda message, failure, headers: None)
    return Member(call, values, features, rows, sum(map(len, values)))


def floats(length: int, rows: int = 1) -> Member:
    return made((("x", FLOAT, (length,)),), (struct.pack(f"<{length * rows}f", *range(length * rows)),), rows)


def strings(*texts: bytes) -> Member:
    return made((("s", DT_STRING, (len(texts),)),), (b"".join([b"\x42" + bytes([len(t)]) + t for t in texts]),))


def test_all_are_padded_to_what_holds_every_one() -> None:
    features, values = widened([floats(1), floats(3)])
    assert features == (("x", FLOAT, (3,)),)
    assert values == [(struct.pack("<3f", 0, 0, 0),), (struct.pack("<3f", 0, 1, 2),)]


def test_equal_lengths_are_left_as_they_are() -> None:
    entry = floats(2)
    _, [first, _] = widened([entry, floats(2)])
    assert first is entry.values


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 3)), min_size=1, max_size=8))
def test_the_bytes_told_are_the_bytes_made(sizes: list[tuple[int, int]]) -> None:
    members = [floats(length, rows) for length, rows in sizes]
    widening = Widening(members[0])
    for member in members[1:]:
        widening.add(member, widening.with_next(member))
    features, values = widened(members)
    assert (widening.features, widening.nbytes) == (features, sum(len(data) for each in values for data in each))


def test_strings_weigh_what_their_padding_repeats() -> None:
    short, long = strings(b"abcdef"), strings(b"a", b"b", b"c")
    widening = Widening(long)
    assert widening.with_next(short) == 9 + 3 * 8
    _, values = widened([long, short])
    assert sum(len(data) for each in values for data in each) == 9 + 3 * 8


def test_no_more_is_padded_in_one_join_than_the_loop_has_time_for() -> None:
    def blocks(width: int) -> Member:
        return made((("x", 4, (MOST_STEPS // 4, width)),), (bytes(MOST_STEPS // 4 * width),))

    widening = Widening(blocks(2))
    taken = 0
    while (nbytes := widening.with_next(narrow := blocks(1))) < NEVER_BYTES:
        widening.add(narrow, nbytes)
        taken += 1
    assert taken == 4  # a quarter of the steps each
    assert Widening(blocks(1)).with_next(blocks(2)) < NEVER_BYTES
