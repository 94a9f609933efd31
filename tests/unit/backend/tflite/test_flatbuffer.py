"""Promises of backend.tflite.flatbuffer: aliases are found where TensorFlow Serving finds them; damage is an error."""

from __future__ import annotations

import pytest

from backend.errors import Code, ServingError
from backend.tflite.flatbuffer import stored_signatures, unranked_inputs
from protos.stubs.tidegate.wire.v1.signature_pb2 import SignatureDef
from protos.stubs.tidegate.wire.v1.tensor_pb2 import DT_FLOAT
from tests.unit.backend.tflite.litefiles import Tensor, adding, with_metadata

INVALID = "Invalid SignatureDefs found in TfLite model: "


def _signed(scalar: bool = False) -> bytes:
    definition = SignatureDef(method_name="tensorflow/serving/predict")
    definition.inputs["x"].name = "x:0"
    definition.inputs["x"].dtype = DT_FLOAT
    if scalar:
        definition.inputs["x"].tensor_shape.SetInParent()
    else:
        definition.inputs["x"].tensor_shape.dim.add(size=-1)
    return definition.SerializeToString()


def test_every_stored_signature_is_found() -> None:
    content = adding(signed={"serving_default": _signed(), "other": _signed()})
    found = stored_signatures(content, SignatureDef.FromString)
    assert sorted(found) == ["other", "serving_default"]
    assert found["other"].inputs["x"].name == "x:0"


def test_other_metadata_is_no_signature() -> None:
    assert stored_signatures(with_metadata(adding(), "CONVERSION_METADATA", b"\1\2"), SignatureDef.FromString) == {}


@pytest.mark.parametrize("data", [b"", b"\xff\xff\xff", b"\7" * 40], ids=["empty", "short", "no map"])
def test_metadata_that_is_no_map_is_an_error(data: bytes) -> None:
    with pytest.raises(ServingError, match=INVALID) as error:
        stored_signatures(with_metadata(adding(), "signature_defs_metadata", data), SignatureDef.FromString)
    assert error.value.code is Code.INVALID_ARGUMENT


def test_bytes_that_are_no_message_are_an_error() -> None:
    with pytest.raises(ServingError) as error:
        stored_signatures(adding(signed={"s": b"\x0a\xff"}), SignatureDef.FromString)
    assert error.value.message == INVALID + "Cannot parse signature def found in flatbuffer."


def test_a_message_is_cut_at_its_first_zero_byte_and_the_error_says_where_that_comes_from() -> None:
    with pytest.raises(ServingError, match=r"signature 's' holds a zero byte.*leave out the tensor_shape of scalars"):
        stored_signatures(adding(signed={"s": _signed(scalar=True)}), SignatureDef.FromString)


def test_an_input_of_any_rank_is_told_from_a_scalar() -> None:
    assert unranked_inputs(adding([Tensor("a", None), Tensor("b", ())])) == {0}
