"""Promises of backend.signature: nothing that contradicts the signature passes, in TensorFlow Serving's words."""

from __future__ import annotations

import pytest

from backend.errors import Code, ServingError
from backend.signature import Signature, Slot, check_names, check_tensor, pick, pick_outputs

FLOAT, UINT8 = 1, 4
TWO = Signature(
    "serving_default",
    "tensorflow/serving/predict",
    {"a": Slot("a:0", FLOAT, (-1, 2)), "b": Slot("b:0", UINT8, (-1, 8, 8, 1))},
    {"s": Slot("s:0", FLOAT, (-1,)), "t": Slot("t:0", FLOAT, (-1,))},
)
OPTIONAL = Signature("serving_default", "", TWO.inputs, TWO.outputs, frozenset({"b"}))


def _error(error: pytest.ExceptionInfo[ServingError]) -> tuple[Code, str]:
    return error.value.code, error.value.message


def test_a_missing_input_is_named() -> None:
    with pytest.raises(ServingError) as error:
        check_names(TWO, ["a"])
    assert _error(error) == (
        Code.INVALID_ARGUMENT,
        "input size does not match signature: 1!=2 len({a}) != len({a,b}). Sent extra: {}. Missing but required: {b}.",
    )


def test_a_surplus_input_is_named() -> None:
    with pytest.raises(ServingError) as error:
        check_names(TWO, ["a", "b", "c"])
    assert error.value.message == (
        "input size does not match signature: 3!=2 len({a,b,c}) != len({a,b}). "
        "Sent extra: {c}. Missing but required: {}."
    )


def test_the_right_count_with_a_wrong_name_names_the_missing_one() -> None:
    with pytest.raises(ServingError) as error:
        check_names(TWO, ["a", "x"])
    assert error.value.message == (
        "Signature input alias: b(feed name: b:0) not found in request and no default value provided. "
        "Inputs expected to be in the request {a,x}, or default input alias set: "
    )


def test_inputs_with_defaults_may_be_left_out_but_not_misnamed() -> None:
    check_names(OPTIONAL, ["a"])
    with pytest.raises(ServingError) as error:
        check_names(OPTIONAL, ["a", "x"])
    assert error.value.message == "Inputs contains invalid name. Used request inputs: a, request input: a,x"


def test_an_unknown_signature_is_a_failed_precondition() -> None:
    with pytest.raises(ServingError) as error:
        pick({"serving_default": TWO}, "x", False)
    assert _error(error) == (Code.FAILED_PRECONDITION, 'Serving signature key "x" not found.')
    assert pick({"serving_default": TWO}, "", False) is TWO


def test_the_method_name_matters_only_when_asked() -> None:
    assert pick({"serving_default": OPTIONAL}, "", False) is OPTIONAL
    with pytest.raises(ServingError, match="Expected prediction signature method_name to be one of") as error:
        pick({"serving_default": OPTIONAL}, "", True)
    assert error.value.code is Code.INTERNAL


def test_outputs_come_by_filter_or_all() -> None:
    assert pick_outputs(TWO, []) == ("s", "t")
    assert pick_outputs(TWO, ["t"]) == ("t",)


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        (["x"], "output tensor alias not found in signature: x Outputs expected to be in the set {s,t}."),
        (["s", "s"], "duplicate output tensor alias: s"),
    ],
)
def test_a_wrong_output_filter_is_refused(wanted: list[str], text: str) -> None:
    with pytest.raises(ServingError) as error:
        pick_outputs(TWO, wanted)
    assert _error(error) == (Code.INVALID_ARGUMENT, text)


def test_a_forgotten_batch_dimension_is_refused_with_a_hint() -> None:
    with pytest.raises(ServingError) as error:
        check_tensor(TWO, "b", UINT8, (8, 8, 1))
    assert _error(error) == (
        Code.INVALID_ARGUMENT,
        "input b of signature serving_default has shape [8,8,1]; expected [?,8,8,1] (is the batch dimension missing?)",
    )


@pytest.mark.parametrize("shape", [(), (5,), (1, 8, 8), (1, 8, 8, 1, 1), (1, 8, 9, 1)])
def test_any_other_rank_or_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ServingError, match=r"expected \[\?,8,8,1\]"):
        check_tensor(TWO, "b", UINT8, shape)


def test_a_wrong_dtype_is_refused() -> None:
    with pytest.raises(ServingError, match="input a of signature serving_default is uint8; expected float"):
        check_tensor(TWO, "a", UINT8, (1, 2))


def test_what_fits_passes_and_unknown_rank_takes_all() -> None:
    check_tensor(TWO, "b", UINT8, (0, 8, 8, 1))
    anything = Signature("s", "", {"a": Slot("a:0", FLOAT, None)}, {})
    check_tensor(anything, "a", FLOAT, (1, 2, 3))
