"""One row out, ten scores in: every reply that is not exactly that is refused by name."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest

from loadtests.rows import Row
from loadtests.wire import BadReply, decode_reply, encode_request
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

SCORES = (0.5, 0.25, 0.25) + (0.0,) * 7


def good_response() -> predict_pb2.PredictResponse:
    response = predict_pb2.PredictResponse()
    response.model_spec.name = "digits"
    response.model_spec.version.value = 0
    tensor = response.outputs["scores"]
    tensor.dtype = tensor_pb2.DT_FLOAT
    for size in (1, 10):
        tensor.tensor_shape.dim.add().size = size
    tensor.tensor_content = struct.pack("<10f", *SCORES)
    return response


def test_a_request_carries_the_row_as_one_batch_row_of_uint8() -> None:
    row = Row(bytes(range(16)) * 4, 1)
    request = predict_pb2.PredictRequest.FromString(encode_request("digits", row))
    tensor = request.inputs["pixels"]
    assert request.model_spec.name == "digits"
    assert not request.model_spec.HasField("version")
    assert [dim.size for dim in tensor.tensor_shape.dim] == [1, 8, 8, 1]
    assert (tensor.dtype, tensor.tensor_content) == (tensor_pb2.DT_UINT8, row.pixels)


def test_scores_are_read_from_tensor_content_and_from_float_val_alike() -> None:
    packed = good_response()
    packed.outputs["scores"].float_val = packed.outputs["scores"].tensor_content
    packed.outputs["scores"].ClearField("tensor_content")
    for response in (good_response(), packed):
        reply = decode_reply(response.SerializeToString())
        assert (reply.model, reply.version, reply.scores) == ("digits", 0, SCORES)


def drop_version(response: predict_pb2.PredictResponse) -> None:
    response.model_spec.ClearField("version")


def add_output(response: predict_pb2.PredictResponse) -> None:
    response.outputs["other"].dtype = tensor_pb2.DT_FLOAT


def change_dtype(response: predict_pb2.PredictResponse) -> None:
    response.outputs["scores"].dtype = tensor_pb2.DT_DOUBLE


def two_rows(response: predict_pb2.PredictResponse) -> None:
    response.outputs["scores"].tensor_shape.dim[0].size = 2


def cut_values(response: predict_pb2.PredictResponse) -> None:
    response.outputs["scores"].tensor_content = response.outputs["scores"].tensor_content[:-4]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (drop_version, "no version"),
        (add_output, "outputs are"),
        (change_dtype, "dtype 2"),
        (two_rows, r"shape \(2, 10\)"),
        (cut_values, "36 bytes"),
    ],
)
def test_a_reply_that_is_not_ten_float_scores_is_refused(
    spoil: Callable[[predict_pb2.PredictResponse], None], complaint: str
) -> None:
    response = good_response()
    spoil(response)
    with pytest.raises(BadReply, match=complaint):
        decode_reply(response.SerializeToString())


def test_bytes_that_are_no_message_are_refused() -> None:
    with pytest.raises(BadReply, match="not a PredictResponse"):
        decode_reply(b"\x0a\xff")
