"""Our wire schema and what reflection shows agree with the installed tensorflow-serving-api, field by field."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor

from gateway.server.true_pool import true_pool
from protos.stubs.tidegate.wire.v1 import (
    example_pb2,
    inference_pb2,
    management_pb2,
    metadata_pb2,
    model_pb2,
    predict_pb2,
    services_pb2,
    signature_pb2,
    tensor_pb2,
)
from tests.contracts.descriptors import official_pool

FILES: tuple[FileDescriptor, ...] = tuple(
    module.DESCRIPTOR
    for module in (
        example_pb2, inference_pb2, management_pb2, metadata_pb2, model_pb2, predict_pb2, services_pb2, signature_pb2,
        tensor_pb2,
    )
)  # fmt: skip
CORE_FILES = {"example.proto", "signature.proto", "tensor.proto"}  # package tensorflow; the rest tensorflow.serving

# Packed numerics that our wire schema declares bytes, with their true types: the same wire type, never decoded.
DECLARED_BYTES = {
    "TensorProto.float_val": FieldDescriptor.TYPE_FLOAT,
    "TensorProto.double_val": FieldDescriptor.TYPE_DOUBLE,
    "TensorProto.scomplex_val": FieldDescriptor.TYPE_FLOAT,
    "TensorProto.dcomplex_val": FieldDescriptor.TYPE_DOUBLE,
}
DECLARED_INT = {"StatusProto.error_code"}  # truly an enum: the same varint


@pytest.fixture(scope="module")
def official() -> descriptor_pool.DescriptorPool:
    return official_pool()


def true_name(message: Descriptor | EnumDescriptor) -> str:
    """The name of one of our messages in TensorFlow Serving."""
    package = "tensorflow" if message.file.name.rpartition("/")[2] in CORE_FILES else "tensorflow.serving"
    return message.full_name.replace("tidegate.wire.v1", package)


def messages(of: FileDescriptor | Descriptor) -> Iterator[Descriptor]:
    """Every message, nested ones too."""
    found = of.message_types_by_name if isinstance(of, FileDescriptor) else of.nested_types_by_name
    for message in found.values():
        yield message
        yield from messages(message)


def enums(of: FileDescriptor | Descriptor) -> Iterator[EnumDescriptor]:
    yield from of.enum_types_by_name.values()
    for message in messages(of) if isinstance(of, FileDescriptor) else ():
        yield from message.enum_types_by_name.values()


OURS = [message for file in FILES for message in messages(file)]


@pytest.mark.parametrize("ours", OURS, ids=lambda message: message.full_name)
def test_every_field_of_ours_is_theirs_by_name_number_and_type(
    ours: Descriptor, official: descriptor_pool.DescriptorPool
) -> None:
    theirs = official.FindMessageTypeByName(true_name(ours))
    for field in ours.fields:
        true = theirs.fields_by_name[field.name]
        assert field.number == true.number, field.full_name
        key = f"{ours.name}.{field.name}"
        if key in DECLARED_BYTES:
            assert (field.type, field.is_repeated) == (FieldDescriptor.TYPE_BYTES, False)
            assert (true.type, true.is_repeated, true.is_packed) == (DECLARED_BYTES[key], True, True)
        elif key in DECLARED_INT:
            assert (field.type, true.type) == (FieldDescriptor.TYPE_INT32, FieldDescriptor.TYPE_ENUM)
        else:
            assert_same_field(field, true)


@pytest.mark.parametrize("ours", OURS, ids=lambda message: message.full_name)
def test_what_reflection_shows_has_the_true_types(ours: Descriptor, official: descriptor_pool.DescriptorPool) -> None:
    name = true_name(ours)
    shown, theirs = true_pool().FindMessageTypeByName(name), official.FindMessageTypeByName(name)
    assert {field.name for field in shown.fields} == {field.name for field in ours.fields}
    for field in shown.fields:
        true = theirs.fields_by_name[field.name]
        assert field.number == true.number
        if f"{ours.name}.{field.name}" not in DECLARED_INT:
            assert_same_field(field, true)
            assert field.is_packed == true.is_packed


def assert_same_field(field: FieldDescriptor, true: FieldDescriptor) -> None:
    """Type, cardinality, presence and oneof are the same."""
    said = f"{field.full_name} and {true.full_name}"
    assert (field.type, field.is_repeated) == (true.type, true.is_repeated), said
    if field.full_name.endswith(".TensorInfo.name"):
        assert true.containing_oneof is not None  # its other members stay unknown fields, so ours needs no oneof
        return
    assert field.has_presence == true.has_presence, said
    for mine, other in ((field.message_type, true.message_type), (field.enum_type, true.enum_type)):
        assert (mine is None) == (other is None), said
        if mine is not None and other is not None and mine.full_name.startswith("tidegate"):
            assert true_name(mine) == other.full_name, said
        elif mine is not None and other is not None:
            assert mine.full_name == other.full_name, said
    mine_oneof, other_oneof = field.containing_oneof, true.containing_oneof
    assert (mine_oneof.name if mine_oneof else None) == (other_oneof.name if other_oneof else None), said


@pytest.mark.parametrize("ours", [enum for file in FILES for enum in enums(file)], ids=lambda enum: enum.full_name)
def test_every_enum_value_is_theirs(ours: EnumDescriptor, official: descriptor_pool.DescriptorPool) -> None:
    theirs = official.FindEnumTypeByName(true_name(ours))
    for value in ours.values:
        assert theirs.values_by_name[value.name].number == value.number


def test_the_services_have_the_methods_that_tensorflow_serving_registers(
    official: descriptor_pool.DescriptorPool,
) -> None:
    shown = true_pool()
    for name in ("PredictionService", "ModelService"):
        theirs = official.FindServiceByName(f"tensorflow.serving.{name}")
        mine = shown.FindServiceByName(f"tensorflow.serving.{name}")
        registered = {  # PredictStreamed is defined since 2.17 and not registered in the open source server
            method.name: (method.input_type.full_name, method.output_type.full_name)
            for method in theirs.methods
            if method.name != "PredictStreamed"
        }
        assert {m.name: (m.input_type.full_name, m.output_type.full_name) for m in mine.methods} == registered


def test_a_message_with_every_true_type_survives_our_schema_byte_for_byte(
    official: descriptor_pool.DescriptorPool,
) -> None:
    """Values under a bytes-declared field are what a packed list puts on the wire."""
    tensor: Any = message_factory.GetMessageClass(official.FindMessageTypeByName("tensorflow.TensorProto"))()
    tensor.dtype = 1
    tensor.float_val.extend([1.5, -2.0])
    tensor.dcomplex_val.extend([0.5, 0.25])
    wire = tensor.SerializeToString()
    ours = tensor_pb2.TensorProto.FromString(wire)
    assert ours.float_val == b"\x00\x00\xc0\x3f\x00\x00\x00\xc0"
    assert len(ours.dcomplex_val) == 16
    assert ours.SerializeToString() == wire
