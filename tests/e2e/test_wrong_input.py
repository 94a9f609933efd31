"""Wrong input gets one clear error with TensorFlow Serving's code from gateway and backend; nobody else notices."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2
from tests.e2e.conftest import Pair
from tests.e2e.programs import Gateway, predict, refusal, tidegate, until
from tests.e2e.traffic import Traffic
from tests.fakes.tensors import float_tensor, predict_message

pytestmark = pytest.mark.slow


def of_dtype(dtype: tensor_pb2.DataType) -> predict_pb2.PredictRequest:
    request = predict_message(model="half")
    request.inputs["x"].dtype = dtype
    return request


def with_extra_input() -> predict_pb2.PredictRequest:
    request = predict_message(model="half")
    request.inputs["extra"].CopyFrom(float_tensor((1.0,), (1,)))
    return request


OWN_WORDS = "serving_default"  # TensorFlow's text depends on the graph: nothing that clients match on
WRONG = {
    "model": (predict_message(model="nobody"), "NOT_FOUND", "Servable not found for request: Latest(nobody)"),
    "model name": (predict_message(model="../half"), "NOT_FOUND", "Servable not found for request: Latest(../half)"),
    "no model": (predict_message(model=""), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
    "version": (
        predict_message(model="half", version=99),
        "NOT_FOUND",
        "Servable not found for request: Specific(half, 99)",
    ),
    "label": (
        predict_message(model="half", label="canary"),
        "INVALID_ARGUMENT",
        "Unrecognized servable version label: canary",
    ),
    "signature": (
        predict_message(model="half", signature="none"),
        "FAILED_PRECONDITION",
        'Serving signature key "none" not found.',
    ),
    "input name": (
        predict_message(model="half", alias="z"),
        "INVALID_ARGUMENT",
        "Signature input alias: x(feed name: ",
    ),
    "one input too many": (with_extra_input(), "INVALID_ARGUMENT", "Sent extra: {extra}"),
    "dtype": (of_dtype(tensor_pb2.DT_INT32), "INVALID_ARGUMENT", OWN_WORDS),
    "rank": (predict_message((1.0, 2.0), (2,), model="half"), "INVALID_ARGUMENT", OWN_WORDS),
    "dimension": (predict_message((1.0, 2.0, 3.0), (1, 3), model="half"), "INVALID_ARGUMENT", OWN_WORDS),
    "length": (predict_message((1.0, 2.0, 3.0), (1, 2), model="half"), "INVALID_ARGUMENT", "tensor parsing error: x"),
}


def told(address: str, request: predict_pb2.PredictRequest) -> tuple[str, str]:
    """Code and text of a call that must fail."""
    with grpc.insecure_channel(address) as channel, pytest.raises(grpc.RpcError) as caught:
        predict(channel, request)
    return caught.value.code().name, str(caught.value.details())


def test_calls_that_cannot_be_answered_are_told_the_same_by_gateway_and_backend(pair: Pair, managed: Gateway) -> None:
    with Traffic(managed.address) as traffic:
        for what, (request, code, text) in WRONG.items():
            direct, through = told(pair.addresses[0], request), told(managed.address, request)
            assert (direct[0], through[0]) == (code, code), (what, direct, through)
            assert all(text in words for words in (direct[1], through[1])), (what, direct, through)
            assert direct == through or text is OWN_WORDS, (what, direct, through)
        traffic.every_key_calls()
    assert traffic.words() == []


ROLLOUTS = {
    "no such version": (["half", "--to", "99"], "has no version 99"),
    "no such model": (["nobody", "--to", "3"], "the gateway has no such model"),
    "a model name with a slash": (["../half", "--to", "3"], "is no model name"),
    "the promoted version": (["half", "--to", "1"], "is the promoted version already"),
    "a model that follows": (["conv", "--to", "2"], "versions is follow"),
}


def test_rollouts_that_cannot_be_are_refused_before_anything_changes(pair: Pair, managed: Gateway) -> None:
    before = pair.models_config.read_bytes()
    for what, (words, text) in ROLLOUTS.items():
        said = refusal(tidegate("rollout", "start", *words, "--state-dir", str(managed.state_dir)))
        assert text in said, (what, said)
    assert pair.models_config.read_bytes() == before
    assert pair.available() == [{1, 2}, {1, 2}]


def test_a_file_with_five_mistakes_is_told_at_once_and_the_old_one_stays_in_force(
    managed: Gateway, tmp_path: Path
) -> None:
    config = tmp_path / "gateway.yaml"
    good = config.read_text(encoding="utf-8")
    bad = good.replace("weight: 75", "weight: 70").replace("version: 2", "version_label: canery")
    bad = bad.replace("status_poll_interval_s: 0.2", "status_poll_interval_s: fast")
    bad = bad.replace("versions: managed", "versions: manged").replace("server:", "sever:")
    with Traffic(managed.address) as traffic:
        config.write_text(bad, encoding="utf-8")
        problems = until(lambda: managed.status()["problems"], "the problems of the new file")
        traffic.every_key_calls()
        config.write_text(good, encoding="utf-8")
        until(lambda: not managed.status()["problems"], "the problems to be gone")
    assert (problems[0], len(problems)) == (f"{config}: 5 problems", 1 + 5)
    assert traffic.words() == []
    assert traffic.ways() == {(1,), (2,)}
