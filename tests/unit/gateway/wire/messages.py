"""Requests, replies and tensors for the tests of wire/, with their own idea of how many bytes an element has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hypothesis import strategies as st

from gateway.wire.spec import SpecView
from gateway.wire.tensor import RawTensor
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

SIZES: Mapping[int, int] = {
    tensor_pb2.DT_FLOAT: 4,
    tensor_pb2.DT_DOUBLE: 8,
    tensor_pb2.DT_INT32: 4,
    tensor_pb2.DT_UINT8: 1,
    tensor_pb2.DT_INT16: 2,
    tensor_pb2.DT_INT8: 1,
    tensor_pb2.DT_COMPLEX64: 8,
    tensor_pb2.DT_INT64: 8,
    tensor_pb2.DT_UINT16: 2,
    tensor_pb2.DT_COMPLEX128: 16,
    tensor_pb2.DT_HALF: 2,
    tensor_pb2.DT_BFLOAT16: 2,
    tensor_pb2.DT_UINT32: 4,
    tensor_pb2.DT_UINT64: 8,
    tensor_pb2.DT_FLOAT8_E4M3FN: 1,
}


def tensor_proto(dtype: int, shape: Sequence[int], **values: object) -> tensor_pb2.TensorProto:
    """A TensorProto as a client writes it; `values` are its value fields."""
    dims = [tensor_pb2.TensorShapeProto.Dim(size=size) for size in shape]
    shape_proto = tensor_pb2.TensorShapeProto(dim=dims)
    return tensor_pb2.TensorProto(dtype=dtype, tensor_shape=shape_proto, **values)  # type: ignore[arg-type]  # any field


def predict_request(**inputs: tensor_pb2.TensorProto) -> predict_pb2.PredictRequest:
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "digits"
    for alias, tensor in inputs.items():
        request.inputs[alias].CopyFrom(tensor)
    return request


def view_of(request: predict_pb2.PredictRequest) -> SpecView:
    """What the gateway reads of it."""
    return SpecView(request.model_spec, request)


def predict_response(**outputs: tensor_pb2.TensorProto) -> predict_pb2.PredictResponse:
    """A reply of version 7, as TensorFlow Serving fills its model spec."""
    response = predict_pb2.PredictResponse()
    response.model_spec.name = "digits"
    response.model_spec.signature_name = "serving_default"
    response.model_spec.version.value = 7
    for alias, tensor in outputs.items():
        response.outputs[alias].CopyFrom(tensor)
    return response


@st.composite
def joins(draw: st.DrawFn) -> list[dict[str, RawTensor]]:
    """One to five members with the same aliases, dtypes and features and their own rows."""
    columns = draw(
        st.dictionaries(
            st.text(max_size=5),
            st.tuples(st.sampled_from(sorted(SIZES)), st.lists(st.integers(1, 3), max_size=3)),
            min_size=1,
            max_size=3,
        )
    )
    members = []
    for _ in range(draw(st.integers(1, 5))):
        rows = draw(st.integers(1, 4))
        member = {}
        for alias, (dtype, features) in columns.items():
            size = rows * SIZES[dtype]
            for feature in features:
                size *= feature
            member[alias] = RawTensor(dtype, (rows, *features), draw(st.binary(min_size=size, max_size=size)))
        members.append(member)
    return members
