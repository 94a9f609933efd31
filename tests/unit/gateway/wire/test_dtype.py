"""Promises of wire/dtype.py: sizes are right and no dtype is forgotten."""

from __future__ import annotations

import struct

import pytest

from gateway.wire.dtype import LAYOUTS, dtype_name, element_bytes
from protos.stubs.tidegate.wire.v1 import tensor_pb2
from tests.unit.gateway.wire.messages import SIZES


@pytest.mark.parametrize("dtype", SIZES)
def test_an_element_has_the_size_of_its_type(dtype: int) -> None:
    assert element_bytes(dtype) == LAYOUTS[dtype].size == SIZES[dtype]


def test_the_letter_of_a_value_list_packs_one_element() -> None:
    assert all(struct.calcsize("<" + layout.code) == layout.size for layout in LAYOUTS.values() if layout.code)


def test_every_value_list_is_a_field_of_a_tensor() -> None:
    fields = tensor_pb2.TensorProto.DESCRIPTOR.fields_by_name
    assert {layout.values for layout in LAYOUTS.values()} <= set(fields)


def test_every_dtype_weighs_something_joinable_or_not() -> None:
    unjoinable = set(tensor_pb2.DataType.values()) - LAYOUTS.keys()
    assert {dtype_name(dtype): element_bytes(dtype) for dtype in sorted(unjoinable)} == {
        "DT_INVALID": 256,
        "DT_STRING": 24,
        "DT_RESOURCE": 256,
        "DT_VARIANT": 256,
        "DT_INT4": 1,
        "DT_UINT4": 1,
        "DT_INT2": 1,
        "DT_UINT2": 1,
    }


def test_an_unknown_dtype_is_named_by_its_number() -> None:
    assert dtype_name(1) == "DT_FLOAT"
    assert dtype_name(1000) == "1000"
