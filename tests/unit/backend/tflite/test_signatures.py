"""Promises of backend.tflite.signatures: stored aliases, or those that TensorFlow Serving makes up."""

from __future__ import annotations

import pytest

from backend.errors import Code, ServingError
from backend.signature import Slot
from backend.tflite.signatures import LiteTensor, by_name, signature_defs, signatures
from protos.stubs.tidegate.wire.v1.signature_pb2 import SignatureDef
from protos.stubs.tidegate.wire.v1.tensor_pb2 import DT_FLOAT, DT_INT8, DataType

X = LiteTensor("x:0", 0, DT_FLOAT, (1, 3), (-1, 3))
OUTPUTS = {name: LiteTensor(name, place, DT_FLOAT, (1, 2), (-1, 2)) for place, name in enumerate(("f:0", "f:1"), 5)}


def _stored(tensor: str, dtype: DataType = DT_FLOAT, output: str = "f:1") -> SignatureDef:
    definition = SignatureDef(method_name="tensorflow/serving/predict")
    definition.inputs["image"].name, definition.inputs["image"].dtype = tensor, dtype
    definition.outputs["scores"].name, definition.outputs["scores"].dtype = output, DT_FLOAT
    return definition


def test_without_a_stored_signature_aliases_are_tensor_names_up_to_the_colon() -> None:
    defs = signature_defs({}, {"x:0": X}, OUTPUTS, SignatureDef())
    definition = defs["serving_default"]
    assert definition.method_name == "tensorflow/serving/predict"
    assert {alias: info.name for alias, info in definition.inputs.items()} == {"x": "x:0"}
    # Two outputs of one name: the last one is what is left, as in TensorFlow Serving.
    assert {alias: info.name for alias, info in definition.outputs.items()} == {"f": "f:1"}
    assert [dim.size for dim in definition.inputs["x"].tensor_shape.dim] == [1, 3]


def test_requests_are_checked_against_the_tensors_themselves() -> None:
    defs = signature_defs({"s": _stored("x:0")}, {"x:0": X}, OUTPUTS, SignatureDef())
    (signature,) = signatures(defs, {"x:0": X}).values()
    assert signature.inputs == {"image": Slot("x:0", DT_FLOAT, (-1, 3))}
    assert signature.outputs == {"scores": Slot("f:1", DT_FLOAT, None)}


def test_an_early_converters_names_are_found_without_their_suffix() -> None:
    tensors = {"x": LiteTensor("x", 0, DT_FLOAT, (1,), (-1,))}
    defs = signature_defs({"s": _stored("x:0")}, tensors, OUTPUTS, SignatureDef())
    assert defs["s"].inputs["image"].name == "x"


@pytest.mark.parametrize(
    ("stored", "code", "text"),
    [
        (
            _stored("z:0"),
            Code.INTERNAL,
            "Unknown tensor 'z:0'.\n\tSignature input image references an unknown tensor",
        ),
        (
            _stored("x:0", output="g"),
            Code.INTERNAL,
            "Unknown tensor 'g'.\n\tSignature output scores references an unknown tensor",
        ),
        (
            _stored("x:0", dtype=DT_INT8),
            Code.FAILED_PRECONDITION,
            "Signature input image of s is int8; tensor 'x:0' of the TFLite model is float",
        ),
    ],
    ids=["input", "output", "dtype"],
)
def test_a_signature_that_contradicts_the_model_is_refused(stored: SignatureDef, code: Code, text: str) -> None:
    with pytest.raises(ServingError) as error:
        signature_defs({"s": stored}, {"x:0": X}, OUTPUTS, SignatureDef())
    assert (error.value.code, error.value.message) == (code, text)


def test_two_tensors_of_one_name_are_refused() -> None:
    with pytest.raises(ServingError) as error:
        by_name([X, X], "Input")
    assert (error.value.code, error.value.message) == (
        Code.ALREADY_EXISTS,
        "Input tensor name: x:0 has multiple indices",
    )
