"""Promises of wire/forms.py: what a call is taken for never depends on the calls before it, and little is kept."""

from __future__ import annotations

from typing import SupportsIndex

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import Failure, InvalidRequest, MalformedRequest
from gateway.wire.forms import MAX_ALIKE, MAX_FORM_BYTES, MAX_FORMS, Forms, around_values
from gateway.wire.spec import SpecView, peek
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2
from tests.unit.gateway.wire.messages import predict_request, tensor_proto

FLOAT, STRING = tensor_pb2.DT_FLOAT, tensor_pb2.DT_STRING
VALUES = {"tensor_content": st.binary(max_size=20), "float_val": st.binary(max_size=20)}
LISTS = {
    "int_val": st.lists(st.integers(0, 300), max_size=4),
    "string_val": st.lists(st.binary(max_size=4), max_size=3),
}


@st.composite
def tensors(draw: st.DrawFn) -> tensor_pb2.TensorProto:
    """Any dtype, any shape, values that fit it or not."""
    shape = draw(st.lists(st.integers(-1, 300), max_size=3))
    values = draw(st.fixed_dictionaries({}, optional=VALUES | LISTS))
    return tensor_proto(draw(st.sampled_from([FLOAT, STRING, tensor_pb2.DT_INT32, 99])), shape, **values)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A Predict, perhaps with a version, a label, a filter, a client id and fields that nobody knows."""
    request = predict_request(**draw(st.dictionaries(st.text(max_size=3), tensors(), max_size=2)))
    request.model_spec.name = draw(st.sampled_from(["digits", "", "two"]))
    request.model_spec.signature_name = draw(st.sampled_from(["", "serving_default"]))
    match draw(st.sampled_from(["none", "version", "label"])):
        case "version":
            request.model_spec.version.value = draw(st.integers(0, 300))
        case "label":
            request.model_spec.version_label = draw(st.text(max_size=3))
    request.output_filter.extend(draw(st.lists(st.text(max_size=2), max_size=1)))
    if draw(st.booleans()):
        request.client_id = draw(st.binary(max_size=3))
    unknown = draw(st.sampled_from([b"", b"\x38\x07", b"\xa2\x38\x01x", b"\x45abcd", b"\x41abcdefgh", b"\x43\x44"]))
    return request.SerializeToString() + unknown


@st.composite
def mutated(draw: st.DrawFn) -> tuple[bytes, list[bytes]]:
    """A message, and others that come of it by a few bytes changed, put in or taken out."""
    message = draw(messages())
    others = []
    for _ in range(draw(st.integers(1, 6))):
        other = bytearray(message)
        for _ in range(draw(st.integers(1, 3))):
            at = draw(st.integers(0, max(0, len(other) - 1)))
            end = at + draw(st.integers(0, 2))
            size = draw(st.sampled_from([end - at, 0, 1]))
            other[at:end] = draw(st.binary(min_size=size, max_size=size))
        others.append(bytes(other))
    return message, others


Told = tuple[object, ...]


def told(view: SpecView) -> Told:
    return (
        view.name, view.version, view.label, view.signature_name, view.client_id, view.heads, view.has_strings,
    )  # fmt: skip


def outcome(forms: Forms | None, message: bytes) -> Told | str:
    """All that a message is taken for, or why it is refused."""
    try:
        return told(peek("Predict", message) if forms is None else forms.peek(message))
    except Failure as failure:
        return f"{type(failure).__name__}: {failure}"


@given(mutated())
@example((b"\x0a\x03\x0a\x01d\x12\x07\x12\x05\x22\x03abc", [b"\x0a\x03\x0a\x01d\x12\x07\x12\x05\x2a\x03abc"]))
@example((b"\x0a\x03\x0a\x01d\x12\x05\x12\x03\x22\x01\x08", [b"\x0a\x03\x0a\x01d\x12\x05\x12\x03\x08\x01\x08"]))
@example((b"\x0a\x03\x0a\x01d\x92\x00\x04\x12\x02\x22\x00", [b"\x0a\x03\x0a\x01d\x92\x00\x04\x12\x02\x22\x01"]))
def test_a_message_is_taken_for_what_it_is_whatever_came_before_it(sent: tuple[bytes, list[bytes]]) -> None:
    message, others = sent
    forms = Forms()
    for one in (message, message, *others, message):
        assert outcome(forms, one) == outcome(None, one)


def floats(content: bytes, **inputs: tensor_pb2.TensorProto) -> bytes:
    tensor = tensor_proto(FLOAT, [1, len(content) // 4], tensor_content=content)
    return predict_request(x=tensor, **inputs).SerializeToString(deterministic=True)


def test_calls_that_differ_in_values_share_one_view_which_keeps_no_values() -> None:
    forms = Forms()
    view = forms.peek(floats(b"12345678"))
    assert forms.peek(floats(b"87654321")) is view
    assert view.request is None
    assert forms.peek(floats(b"1234")) is not view
    listed = tensor_proto(FLOAT, [2], float_val=b"abcdefgh")
    assert forms.peek(floats(b"1234", y=listed)) is forms.peek(floats(b"4321", y=listed))
    assert len(forms) == 3


def test_values_that_tell_something_are_never_shared() -> None:
    forms = Forms()
    strings = predict_request(x=tensor_proto(STRING, [1], string_val=[b"abc"])).SerializeToString()
    listed = predict_request(x=tensor_proto(tensor_pb2.DT_INT32, [1], int_val=[7])).SerializeToString()
    user = predict_pb2.PredictRequest(client_id=b"u")
    user.model_spec.name = "digits"
    for message in (strings, listed, user.SerializeToString()):
        assert forms.peek(message).request is not None
    assert len(forms) == 0


def test_what_is_refused_leaves_nothing_behind() -> None:
    forms = Forms()
    with pytest.raises(InvalidRequest, match="Missing ModelSpec"):
        forms.peek(b"")
    with pytest.raises(MalformedRequest):
        forms.peek(b"\x0a\xff\xff")
    assert len(forms) == 0


def named(name: str, values: int = 4) -> bytes:
    request = predict_request(x=tensor_proto(FLOAT, [values], tensor_content=bytes(values * 4)))
    request.model_spec.name = name
    return request.SerializeToString()


def test_forms_of_one_length_are_bounded_and_the_oldest_goes_first() -> None:
    forms = Forms()
    views = [forms.peek(named(f"model-{number:03}")) for number in range(MAX_ALIKE + 1)]
    assert len(forms) == MAX_ALIKE
    assert forms.peek(named("model-001")) is views[1]
    assert forms.peek(named("model-000")) is not views[0]


def test_forms_of_all_lengths_are_bounded_and_the_oldest_go_first() -> None:
    forms = Forms()
    views = [forms.peek(named("digits", values)) for values in range(1, MAX_FORMS + 2)]
    assert len(forms) == MAX_FORMS
    assert forms.peek(named("digits", 2)) is views[1]
    assert forms.peek(named("digits", 1)) is not views[0]


def test_of_a_large_message_only_what_stands_around_the_values_is_kept() -> None:
    parts = around_values(named("digits", 150_000))
    assert parts is not None
    assert sum(len(part) for _, part in parts) < 60
    assert around_values(named("d" * (MAX_FORM_BYTES + 1))) is None


class Watched(bytes):
    """Counts how often it is looked into."""

    looks = 0

    def __getitem__(self, key: SupportsIndex | slice) -> bytes:  # type: ignore[override]  # only slices are asked for
        Watched.looks += 1
        assert isinstance(key, slice)
        return bytes(self)[key]


def test_a_message_of_countless_small_fields_is_not_walked_to_its_end() -> None:
    crowd = Watched(b"\x0a\x03\x0a\x01d" + b"\x38\x07" * 100_000)
    assert around_values(crowd) is None
    assert Watched.looks <= 2 * MAX_FORM_BYTES
