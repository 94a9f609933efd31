"""Generated calls: what they say, how their numbers are written, and how they differ."""

from __future__ import annotations

import random
import struct

from benchmarks.equal_calls import MOST_ROWS, delimited, encoded, generated, quieted, varint
from benchmarks.equal_spec import INT16, MODELS, UINT64
from protos.stubs.tidegate.wire.v1 import predict_pb2

SIGNED = struct.pack("<3h", -1, 300, -32768)
UNSIGNED = struct.pack("<2Q", 2**64 - 1, 127)


def varints(packed: bytes) -> list[int]:
    """The numbers of a packed field."""
    found, value, shift = [], 0, 0
    for octet in packed:
        value |= (octet & 0x7F) << shift
        shift += 7
        if octet < 0x80:
            found.append(value)
            value = shift = 0
    return found


def test_numbers_of_each_length_are_written_in_groups_of_seven_bits() -> None:
    assert [varint(value) for value in (0, 127, 128, 300)] == [b"\0", b"\x7f", b"\x80\1", b"\xac\2"]
    assert len(varint(2**64 - 1)) == 10
    assert delimited(4, b"abc") == b"\x22\3abc"


def test_negative_numbers_are_written_as_ten_bytes_and_unsigned_ones_as_they_are() -> None:
    [packed] = encoded(INT16, SIGNED, "packed")
    assert varints(packed[2:]) == [2**64 - 1, 300, 2**64 - 32768]
    [packed] = encoded(UINT64, UNSIGNED, "packed")
    assert varints(packed[3:]) == [2**64 - 1, 127]


def test_a_call_says_its_model_its_rows_and_every_input() -> None:
    chance = random.Random(2)
    for _ in range(200):
        call = generated(chance)
        request = predict_pb2.PredictRequest.FromString(call.message)
        assert request.model_spec.name == call.model.name
        assert set(request.inputs) == {given.name for given in call.model.inputs}
        for given in call.model.inputs:
            tensor = request.inputs[given.name]
            assert tensor.dtype == given.dtype.number
            assert [dim.size for dim in tensor.tensor_shape.dim] == [call.rows, *given.shape]
        assert set(request.output_filter) in [set(asked) for asked in call.model.filters]
        assert 1 <= call.rows <= MOST_ROWS


def test_the_same_seed_gives_the_same_calls_and_calls_differ() -> None:
    one, two = random.Random(3), random.Random(3)
    calls = [generated(one) for _ in range(300)]
    assert calls == [generated(two) for _ in range(300)]
    assert len({call.message for call in calls}) > 290
    assert {call.model.name for call in calls} == {model.name for model in MODELS}


def test_only_signalling_nans_are_quieted_and_keep_their_payload() -> None:
    signalling, quiet, infinite, one = 0x7FA00001, 0xFFC00001, 0x7F800000, 0x3F800000
    drawn = struct.pack("<4I", signalling, quiet, infinite, one)
    assert struct.unpack("<4I", quieted(drawn)) == (0x7FE00001, quiet, infinite, one)
