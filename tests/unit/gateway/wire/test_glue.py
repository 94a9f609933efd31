"""Promises of wire/glue.py: the replies to the pieces are one reply to the whole, or nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.wire.cut import cut_response
from gateway.wire.glue import glue_responses
from gateway.wire.reasons import Uncut
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2
from tests.unit.gateway.wire.messages import STRING, Joined, join_of, joins, predict_response, tensor_proto
from tests.unit.gateway.wire.test_cut import LISTED, echo

FLOAT = tensor_pb2.DT_FLOAT


@settings(max_examples=100)
@given(st.sampled_from(["content", "values"]), joins())
def test_what_was_cut_is_whole_again(encoding: str, joined: Joined) -> None:
    whole = echo(join_of(joined), encoding).SerializeToString()
    parts = cut_response(whole, joined.rows)
    assert isinstance(parts, list)
    assert glue_responses(parts, joined.rows) == whole


@settings(max_examples=60)
@given(
    st.sampled_from(sorted(LISTED)), st.lists(st.integers(1, 3), min_size=1, max_size=4), st.integers(0, 3), st.data()
)
def test_lists_of_every_kind_are_whole_again(dtype: int, rows: list[int], features: int, data: st.DataObject) -> None:
    field, element = LISTED[dtype]
    count = sum(rows) * features
    tensor = tensor_proto(
        dtype, [sum(rows), features], **{field: data.draw(st.lists(element, min_size=count, max_size=count))}
    )
    whole = predict_response(y=tensor).SerializeToString()
    parts = cut_response(whole, rows)
    assert isinstance(parts, list)
    assert glue_responses(parts, rows) == whole


def test_outputs_may_come_in_any_order() -> None:
    a, b = tensor_proto(FLOAT, [1], float_val=b"aaaa"), tensor_proto(STRING, [1], string_val=[b"b"])
    pieces = [predict_response(a=a).SerializeToString(), predict_response(b=b).SerializeToString()]
    spec = predict_response().SerializeToString()
    entries = [piece.removesuffix(spec) for piece in pieces]
    glued = glue_responses([entries[0] + entries[1] + spec, entries[1] + entries[0] + spec], [1, 1])
    assert isinstance(glued, bytes)
    assert predict_pb2.PredictResponse.FromString(glued) == predict_response(
        a=tensor_proto(FLOAT, [2], float_val=b"aaaaaaaa"), b=tensor_proto(STRING, [2], string_val=[b"b", b"b"])
    )


@pytest.mark.parametrize(
    ("other", "reason"),
    [
        (predict_response(y=tensor_proto(FLOAT, [1, 2], float_val=bytes(8))), Uncut.PIECES),
        (predict_response(y=tensor_proto(FLOAT, [1], tensor_content=bytes(4))), Uncut.PIECES),
        (predict_response(y=tensor_proto(tensor_pb2.DT_INT32, [1], int_val=[1])), Uncut.PIECES),
        (predict_response(z=tensor_proto(FLOAT, [1], float_val=bytes(4))), Uncut.PIECES),
        (
            predict_response(
                y=tensor_proto(FLOAT, [1], float_val=bytes(4)), z=tensor_proto(FLOAT, [1], float_val=bytes(4))
            ),
            Uncut.PIECES,
        ),
        (predict_pb2.PredictResponse(outputs={"y": tensor_proto(FLOAT, [1], float_val=bytes(4))}), Uncut.PIECES),
        (predict_response(y=tensor_proto(FLOAT, [2], float_val=bytes(8))), Uncut.ROWS),
        (predict_response(y=tensor_proto(FLOAT, [1], float_val=bytes(8))), Uncut.PAYLOAD),
        (predict_response(y=tensor_proto(FLOAT, [], float_val=bytes(4))), Uncut.SCALAR),
        (predict_response(), Uncut.NO_OUTPUTS),
    ],
)
def test_pieces_that_do_not_fit_are_not_glued(other: predict_pb2.PredictResponse, reason: Uncut) -> None:
    first = predict_response(y=tensor_proto(FLOAT, [1], float_val=bytes(4)))
    pieces = [first.SerializeToString(), other.SerializeToString()]
    assert glue_responses(pieces, [1, 1]) is reason
    assert glue_responses(pieces[::-1], [1, 1]) is reason


def test_rows_without_elements_are_glued() -> None:
    piece = predict_response(y=tensor_proto(FLOAT, [1, 0])).SerializeToString()
    assert glue_responses([piece] * 3, [1] * 3) == predict_response(y=tensor_proto(FLOAT, [3, 0])).SerializeToString()
