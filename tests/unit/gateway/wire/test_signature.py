"""Promises of wire/signature.py: signatures are read from a replica's metadata, and its nonsense is told apart."""

from __future__ import annotations

import pytest
from google.protobuf.any_pb2 import Any

from gateway.errors import Internal
from gateway.wire.signature import Signature, TensorSpec, metadata_request, signatures_from_metadata
from protos.stubs.tidegate.wire.v1 import metadata_pb2, signature_pb2, tensor_pb2
from tests.unit.gateway.wire.messages import tensor_proto

FLOAT = tensor_pb2.DT_FLOAT


def metadata(**signatures: signature_pb2.SignatureDef) -> bytes:
    packed = metadata_pb2.SignatureDefMap(signature_def=signatures).SerializeToString()
    any_value = Any(type_url="type.googleapis.com/tensorflow.serving.SignatureDefMap", value=packed)
    return metadata_pb2.GetModelMetadataResponse(metadata={"signature_def": any_value}).SerializeToString()


def info(name: str, shape: list[int]) -> signature_pb2.TensorInfo:
    tensor_shape = tensor_proto(FLOAT, shape).tensor_shape
    return signature_pb2.TensorInfo(name=name, dtype=FLOAT, tensor_shape=tensor_shape)


def test_the_request_asks_one_version_for_its_signatures() -> None:
    request = metadata_pb2.GetModelMetadataRequest.FromString(metadata_request("digits", 0))
    assert request.model_spec.name == "digits"
    assert request.model_spec.HasField("version")
    assert list(request.metadata_field) == ["signature_def"]


def test_aliases_dtypes_shapes_and_defaults_are_read() -> None:
    entry = signature_pb2.SignatureDef(
        inputs={"pixels": info("in:0", [-1, 8, 8, 1]), "scale": info("s:0", [])},
        outputs={"scores": info("out:0", [-1, 10])},
        method_name="tensorflow/serving/predict",
        defaults={"scale": tensor_proto(FLOAT, [])},
    )
    signature = signatures_from_metadata(metadata(serving_default=entry))["serving_default"]
    assert signature.inputs == {"pixels": TensorSpec(1, (-1, 8, 8, 1), "in:0"), "scale": TensorSpec(1, (), "s:0")}
    assert signature.outputs == {"scores": TensorSpec(1, (-1, 10), "out:0")}
    assert signature.method_name == "tensorflow/serving/predict"
    assert signature.defaults == {"scale"}


def test_a_tensor_without_name_or_rank_may_have_any_shape() -> None:
    unranked = info("in:0", [])
    unranked.tensor_shape.unknown_rank = True
    entry = signature_pb2.SignatureDef(inputs={"a": unranked, "sparse": info("", [])})
    signature = signatures_from_metadata(metadata(x=entry))["x"]
    assert [signature.inputs[alias].shape for alias in ("a", "sparse")] == [None, None]


def test_only_an_unknown_first_dimension_is_a_row_axis() -> None:
    shapes: list[tuple[int, ...] | None] = [(-1,), (-1, 8), (1, -1), (), None]
    assert [TensorSpec(1, shape).has_row_axis for shape in shapes] == [True, True, False, False, False]
    signature = Signature({"x": TensorSpec(1, (-1, 8))}, {"y": TensorSpec(1, (-1,)), "loss": TensorSpec(1, ())})
    assert signature.rowwise_inputs
    assert signature.rowwise_outputs == {"y"}
    assert not Signature({"x": TensorSpec(1, (8,))}, {}).rowwise_inputs


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (b"\x0a\xff\xff", "unreadable"),
        (b"", "no 'signature_def'"),
        (
            metadata_pb2.GetModelMetadataResponse(metadata={"signature_def": Any(value=b"\xff")}).SerializeToString(),
            "unreadable",
        ),
    ],
)
def test_metadata_without_signatures_is_the_replicas_fault(reply: bytes, text: str) -> None:
    with pytest.raises(Internal, match=text):
        signatures_from_metadata(reply)
