"""Promises of wire/compare.py: rounding is forgiven, everything else counts."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from random import Random

import pytest

from gateway.wire.compare import same_answers
from gateway.wire.encode import delimited
from gateway.wire.values import MOST_LISTED
from protos.stubs.tidegate.wire.v1 import tensor_pb2
from tests.unit.gateway.wire.messages import predict_response, raw_tensor, single, tensor_proto

FLOAT, HALF = tensor_pb2.DT_FLOAT, tensor_pb2.DT_HALF
HALF_BITS = {1.0: 0x3C00, 1.001: 0x3C01, 1.25: 0x3D00}
BFLOAT16_BITS = {1.0: 0x3F80, 1.0078: 0x3F81, 1.25: 0x3FA0}


def reply(**outputs: tensor_pb2.TensorProto) -> bytes:
    return predict_response(**outputs).SerializeToString()


def floats(*values: float) -> bytes:
    return reply(y=tensor_proto(FLOAT, [len(values)], float_val=struct.pack(f"<{len(values)}f", *values)))


def test_floats_within_the_tolerance_are_the_same() -> None:
    assert same_answers(floats(1.0, 100.0), floats(1.0009, 100.09))
    assert same_answers(floats(0.0), floats(0.000009))
    assert not same_answers(floats(1.0), floats(1.0021))
    assert same_answers(floats(1.0), floats(1.05), rtol=0.1)
    assert not same_answers(floats(0.0), floats(0.00002))


def softmax(*logits: float) -> list[float]:
    weights = [math.exp(logit) for logit in logits]
    whole = math.fsum(weights)
    return [weight / whole for weight in weights]


def row(numbers: Sequence[float]) -> bytes:
    data = struct.pack(f"<{len(numbers)}f", *numbers)
    return reply(y=tensor_proto(FLOAT, [1, len(numbers)], float_val=data))


def test_probabilities_of_very_many_classes_are_compared_although_all_are_small() -> None:
    draw = Random(5)
    logits, others = ([draw.gauss(0, 0.1) for _ in range(200_000)] for _ in range(2))
    one, two = softmax(*logits), softmax(*others)
    assert max(one) < 1e-5
    noisy = softmax(*[logit + draw.uniform(-3e-6, 3e-6) for logit in logits])
    assert same_answers(row(one), row(noisy))
    assert not same_answers(row(one), row(two))


def test_the_absolute_tolerance_shrinks_with_the_largest_number_of_a_row() -> None:
    assert same_answers(row([0.5, *[0.0] * 99]), row([0.5, *[4e-6] * 99]))
    assert not same_answers(row([0.5, *[0.0] * 99]), row([0.5, *[6e-6] * 99]))
    assert same_answers(row([100.0, *[0.0] * 99]), row([100.0, *[9e-6] * 99]))


def test_a_lone_number_near_zero_may_be_as_far_off_as_any() -> None:
    assert same_answers(row([1e-6]), row([4e-6]))
    assert same_answers(row([0.0, 1e-9]), row([0.0, 4e-6]))


def test_the_smallest_halves_may_be_a_unit_apart_in_any_row() -> None:
    count = 1000
    one, other, far = [reply(y=tensor_proto(HALF, [1, count], half_val=[bits] * count)) for bits in (5, 6, 9)]
    assert same_answers(one, other, atol=0)
    assert not same_answers(one, far)


@pytest.mark.parametrize(("dtype", "bits"), [(HALF, HALF_BITS), (tensor_pb2.DT_BFLOAT16, BFLOAT16_BITS)])
def test_however_many_short_floats_are_compared(dtype: int, bits: dict[float, int]) -> None:
    count = MOST_LISTED + 1
    exact, rounded, other = [reply(y=tensor_proto(dtype, [count], half_val=[one] * count)) for one in bits.values()]
    assert same_answers(exact, rounded, rtol=0)
    assert not same_answers(exact, other, rtol=0)
    content = struct.pack("<H", bits[1.0]) * count
    assert same_answers(rounded, reply(y=tensor_proto(dtype, [count], tensor_content=content)), rtol=0)
    beyond = reply(y=tensor_proto(dtype, [count], half_val=[1 << 16] * count))
    assert not same_answers(exact, beyond, rtol=0)
    assert not same_answers(exact, reply(y=tensor_proto(dtype, [count], half_val=[1] * (count + 1))))


def test_a_large_answer_is_compared_at_spread_places_from_the_first_number_to_the_last() -> None:
    many = [1.0] * 5000
    assert same_answers(floats(*many), floats(*[1.0005] * 5000))
    for place in (0, 4999):
        assert not same_answers(floats(*many), floats(*many[:place], 2.0, *many[place + 1 :]))
    assert not same_answers(floats(*many), floats(*many[2500:], *[3.0] * 2500))


def test_nan_equals_nan_and_infinity_only_itself() -> None:
    assert same_answers(floats(math.nan, math.inf, 1.0), floats(-math.nan, math.inf, 1.00001))
    assert not same_answers(floats(math.nan), floats(1.0))
    assert not same_answers(floats(1.0), floats(math.inf))
    assert not same_answers(floats(-math.inf), floats(math.inf))


@pytest.mark.parametrize(
    ("dtype", "code"), [(tensor_pb2.DT_DOUBLE, "2d"), (tensor_pb2.DT_COMPLEX64, "2f"), (tensor_pb2.DT_COMPLEX128, "2d")]
)
def test_doubles_and_complex_numbers_are_floats_too(dtype: int, code: str) -> None:
    shape = [2] if dtype == tensor_pb2.DT_DOUBLE else [1]

    def answer(one: float, two: float) -> bytes:
        return reply(y=tensor_proto(dtype, shape, tensor_content=struct.pack("<" + code, one, two)))

    assert same_answers(answer(1.0, 2.0), answer(1.0001, 2.0001))
    assert not same_answers(answer(1.0, 2.0), answer(1.0, 3.0))


@pytest.mark.parametrize(("dtype", "bits"), [(tensor_pb2.DT_HALF, HALF_BITS), (tensor_pb2.DT_BFLOAT16, BFLOAT16_BITS)])
def test_one_unit_in_the_last_place_of_a_short_float_is_rounding(dtype: int, bits: dict[float, int]) -> None:
    exact, rounded, other = [reply(y=tensor_proto(dtype, [1], half_val=[value])) for value in bits.values()]
    assert same_answers(exact, rounded, rtol=0)
    assert not same_answers(exact, other, rtol=0)


def test_the_encoding_does_not_matter_the_values_do() -> None:
    content = reply(y=tensor_proto(FLOAT, [1], tensor_content=struct.pack("<f", 5)))
    assert same_answers(content, floats(5))
    assert not same_answers(content, floats(6))


def test_whole_numbers_and_strings_are_equal_or_not() -> None:
    def listed(dtype: int, **values: list[int] | list[bytes]) -> bytes:
        return reply(y=tensor_proto(dtype, [1], **values))

    int64, string = tensor_pb2.DT_INT64, tensor_pb2.DT_STRING
    assert same_answers(listed(int64, int64_val=[10**6]), listed(int64, int64_val=[10**6]))
    assert not same_answers(listed(int64, int64_val=[10**6]), listed(int64, int64_val=[10**6 + 1]))
    assert not same_answers(listed(string, string_val=[b"a"]), listed(string, string_val=[b"b"]))


def test_another_spec_alias_dtype_or_shape_is_another_answer() -> None:
    one = tensor_proto(FLOAT, [1], float_val=bytes(4))
    other_version = predict_response(y=one)
    other_version.model_spec.version.value = 8
    assert not same_answers(reply(y=one), other_version.SerializeToString())
    assert not same_answers(reply(y=one), reply(z=one))
    assert not same_answers(reply(y=one), reply(y=tensor_proto(FLOAT, [1, 1], float_val=bytes(4))))
    assert not same_answers(reply(y=one), reply(y=tensor_proto(tensor_pb2.DT_INT32, [1], int_val=[0])))


def test_what_cannot_be_read_is_not_the_same() -> None:
    one = floats(1.0)
    assert not same_answers(one, b"\x0a\xff\xff")
    assert not same_answers(one, reply(y=tensor_proto(FLOAT, [1], tensor_content=bytes(3))))
    assert not same_answers(one, reply(y=tensor_proto(FLOAT, [1], float_val=bytes(3))))


def test_the_encoding_of_strings_and_whole_numbers_does_not_matter_either() -> None:
    one = reply(y=tensor_proto(tensor_pb2.DT_INT64, [2], int64_val=[5, 300]))
    assert same_answers(one, reply(y=tensor_proto(tensor_pb2.DT_INT64, [2], tensor_content=struct.pack("<2q", 5, 300))))
    assert not same_answers(
        one, reply(y=tensor_proto(tensor_pb2.DT_INT64, [2], tensor_content=struct.pack("<2q", 5, 301)))
    )
    content = reply(y=tensor_proto(tensor_pb2.DT_STRING, [2], tensor_content=b"\1\1ab"))
    assert same_answers(content, content)
    assert not same_answers(content, reply(y=tensor_proto(tensor_pb2.DT_STRING, [2], tensor_content=b"\1\1ac")))


def test_what_our_schema_would_read_wrongly_is_only_the_same_to_the_bit() -> None:
    def unpacked(value: float) -> bytes:
        tensor = raw_tensor(FLOAT, [1], single(5, struct.pack("<f", value)))
        return delimited(1, delimited(1, b"y") + delimited(2, tensor))

    assert same_answers(unpacked(1.0), unpacked(1.0))
    assert not same_answers(unpacked(1.0), unpacked(2.0))
