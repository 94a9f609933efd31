"""Promises of batching/message.py: what is padded is bounded by what it becomes."""

from __future__ import annotations

from gateway.batching.member import Member
from gateway.batching.message import need_widening, padding_rows
from gateway.batching.policy import BatchPolicy
from gateway.call import Call, Deadline
from gateway.wire.tensor import DT_STRING, Features

FLOAT = 1
POLICY = BatchPolicy(max_batch_bytes=1 << 20, allowed_batch_sizes=(1, 64))


def made(features: Features, values: bytes, rows: int = 1) -> Member:
    call = Call("Predict", b"", (), Deadline(), 0, lambda message, failure, headers: None)
    return Member(call, (values,), features, rows, len(values))


def floats(length: int) -> Member:
    return made((("x", FLOAT, (length,)),), bytes(4 * length))


def test_a_batch_is_padded_to_an_allowed_size() -> None:
    assert padding_rows(POLICY, [floats(1)] * 3, 3) == 61
    assert padding_rows(POLICY, [floats(1)] * 64, 64) == 0


def test_the_last_row_counts_as_long_as_it_is_made() -> None:
    members = [floats(100_000), floats(1)]
    assert need_widening(members)
    assert padding_rows(POLICY, members, 2) == 0


def test_the_last_of_several_strings_counts_as_long_as_it_is() -> None:
    short, long = b"\x42\x00", b"\x42\xc0\x84\x3d" + bytes(1_000_000)
    features: Features = (("s", DT_STRING, ()),)
    assert padding_rows(POLICY, [made(features, short * 32 + long, 33)], 33) == 0
    assert padding_rows(POLICY, [made(features, long + short * 32, 33)], 33) == 31


def test_equal_lengths_need_no_widening_whoever_says_them() -> None:
    assert not need_widening([floats(2), floats(2)])
