"""Promises of batching/trial.py: the join is compared with lone answers, all of which are there before it leaves."""

from __future__ import annotations

import struct
from functools import partial

import pytest

from gateway.batching.proof import Finding
from gateway.batching.trial import Trial
from gateway.errors import Failure, Fate, NoReplica, UpstreamFailed
from gateway.wire.compare import same_answers
from protos.stubs.tidegate.wire.v1 import predict_pb2


def reply(*values: float) -> bytes:
    response = predict_pb2.PredictResponse()
    tensor = response.outputs["y"]
    tensor.dtype = 1  # type: ignore[assignment]  # DT_FLOAT by number
    tensor.tensor_shape.dim.add(size=len(values))
    tensor.float_val = struct.pack(f"<{len(values)}f", *values)
    return response.SerializeToString()


def trial(padding_rows: int = 0) -> Trial:
    return Trial([1, 2], padding_rows, True, partial(same_answers, rtol=1e-3, atol=1e-5))


def found(joined: bytes | Failure, *alone: bytes, padding_rows: int = 0) -> tuple[Finding, str]:
    made = trial(padding_rows)
    for index, answer in enumerate(alone):
        made.add_alone(index, answer)
    finding = made.find(None, joined) if isinstance(joined, Failure) else made.find(joined, None)
    return finding, made.reason


def test_it_is_complete_when_every_member_is_in_whatever_the_order() -> None:
    made = trial()
    assert not made.add_alone(1, reply(2, 3))
    assert made.add_alone(0, reply(1))
    assert made.all_answered
    assert made.find(reply(1, 2, 3), None) is Finding.SAME


def test_answers_within_the_tolerance_are_the_same() -> None:
    assert found(reply(1.0001, 2, 3), reply(1), reply(2, 3)) == (Finding.SAME, "")
    assert found(reply(1, 2, 3, 3), reply(1), reply(2, 3), padding_rows=1) == (Finding.SAME, "")


def test_answers_that_differ_are_counted() -> None:
    finding, reason = found(reply(1, 2, 4), reply(1), reply(2, 3))
    assert (finding, reason) == (Finding.DIFFERENT, "joined answers differ from lone ones for 1 of 2 callers")


def test_a_reply_that_cannot_be_cut_is_a_difference() -> None:
    assert found(reply(1), reply(1), reply(2, 3)) == (Finding.DIFFERENT, "joined replies cannot be cut: rows")


@pytest.mark.parametrize("failed", [0, 1])
def test_with_a_member_that_fails_alone_it_is_complete_but_not_all_are_answered(failed: int) -> None:
    made = trial()
    assert not made.add_alone(failed, None)
    assert made.add_alone(1 - failed, reply(1))
    assert not made.all_answered


@pytest.mark.parametrize(
    ("failure", "finding"),
    [
        (UpstreamFailed(3, "bad", Fate.ANSWERED), Finding.REFUSED),
        (UpstreamFailed(13, "bad", Fate.ANSWERED), Finding.REFUSED),
        (UpstreamFailed(14, "died", Fate.LOST), Finding.DEATH),
        (UpstreamFailed(14, "busy", Fate.ANSWERED), Finding.NOTHING),
        (UpstreamFailed(4, "late", Fate.ANSWERED), Finding.NOTHING),
        (UpstreamFailed(5, "version gone", Fate.ANSWERED), Finding.NOTHING),
        (UpstreamFailed(8, "full", Fate.ANSWERED), Finding.NOTHING),
        (UpstreamFailed(3, "never left", Fate.REFUSED), Finding.NOTHING),
        (NoReplica("none is up"), Finding.NOTHING),
    ],
)
def test_only_a_failure_that_judges_the_join_speaks_against_it(failure: Failure, finding: Finding) -> None:
    assert found(failure, reply(1), reply(2, 3)) == (
        finding,
        f"joined calls failed, lone ones did not: {failure.message}",
    )
