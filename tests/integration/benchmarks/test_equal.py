"""The equality check: TensorFlow reads its calls as meant, differences are seen, and joined answers have none."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import predict_pb2

from benchmarks.equal import SHOWN, Outcome, count, document, hold
from benchmarks.equal_calls import ENCODINGS, Generated, encoded
from benchmarks.equal_exchange import Reply
from benchmarks.equal_replies import compare, difference
from benchmarks.equal_spec import BFLOAT16, COMPLEX64, DOUBLE, FLOAT, INT16, INT64, MODELS, Dtype
from benchmarks.machine import Facts

pytestmark = pytest.mark.slow
MLP, WORDS = MODELS[0], MODELS[1]
FACTS = Facts(started="now", machine={}, versions={}, source={}, busy_before=0.0)


@pytest.mark.parametrize("how", ENCODINGS)
@pytest.mark.parametrize(
    "dtype", [FLOAT, DOUBLE, COMPLEX64, INT16, INT64, BFLOAT16], ids=lambda dtype: str(dtype.number)
)
def test_every_encoding_has_the_same_values_in_the_same_order(dtype: Dtype, how: str) -> None:
    values = random.Random(1).randbytes(dtype.size * 6)
    reference = tensor_pb2.TensorProto.FromString(b"".join(encoded(dtype, values, "packed")))
    read = tensor_pb2.TensorProto.FromString(b"".join(encoded(dtype, values, how)))
    assert read.SerializeToString() == reference.SerializeToString()
    assert len(reference.SerializeToString()) > dtype.size


def reply(*, as_values: bool = False, status: str = "0", version: int = 1, **outputs: Any) -> Reply:
    response = predict_pb2.PredictResponse()
    response.model_spec.name = "m"
    response.model_spec.version.value = version
    for name, value in outputs.items():
        tensor = tf.make_tensor_proto(value)
        if as_values:
            tensor.ClearField("tensor_content")
            tensor.float_val.extend(value)
        response.outputs[name].CopyFrom(tensor)
    return Reply(status, response.SerializeToString())


def floats(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(values, dtype=np.float32)


def test_equal_bytes_need_no_decoding_and_equal_values_need_not_be_equal_bytes() -> None:
    one = reply(y=floats(1, 2, 3))
    assert compare(MLP, one, one).same_bytes
    other = reply(as_values=True, y=floats(1, 2, 3))
    found = compare(MLP, other, one)
    assert (found.problem, found.relative, found.same_bytes) == (None, 0.0, False)


def test_what_may_differ_does_so_within_rtol_and_what_may_not_does_not_at_all() -> None:
    near, far = reply(y=floats(1.000001, 2)), reply(y=floats(1.001, 2))
    found = compare(MLP, near, reply(y=floats(1, 2)))
    assert found.problem is None
    assert 0 < found.relative < 1e-5
    assert compare(MLP, far, reply(y=floats(1, 2))).problem == "y: differs by 0.001 of its value, 1e-05 is allowed"
    assert compare(WORDS, near, reply(y=floats(1, 2))).problem is not None


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (reply(status="13"), reply(), "grpc-status 13 joined, 0 alone"),
        (reply(y=floats(1)), reply(z=floats(1)), "outputs ['y'] joined, ['z'] alone"),
        (reply(version=2), reply(version=1), "model spec"),
        (reply(y=floats(1)), reply(y=[1]), "y: float32 (1,) joined, int32 (1,) alone"),
        (reply(y=[b"a"]), reply(y=[b"b"]), "y: strings differ"),
        (reply(y=[1, 2]), reply(y=[1, 3]), "y: differs"),
        (reply(y=floats(np.nan)), reply(y=floats(1)), "y: NaN on one side"),
        (Reply("0", b"\xff"), reply(), "can't be read"),
    ],
)
def test_a_difference_is_said_in_words(ours: Reply, theirs: Reply, said: str) -> None:
    assert said in (compare(MLP, ours, theirs).problem or "")


def test_nan_payloads_and_signs_of_zero_count() -> None:
    quiet, payload = (np.array([word], dtype=np.uint32).view(np.float32) for word in (0x7FC00000, 0x7FC00001))
    assert difference(quiet, quiet) == 0.0
    assert isinstance(difference(quiet, payload), str)
    assert compare(WORDS, reply(y=np.array([-0.0])), reply(y=np.array([0.0]))).problem is not None


def test_differences_are_counted_all_and_shown_a_few_with_their_request() -> None:
    outcome = Outcome()
    for _ in range(SHOWN + 5):
        count(outcome, Generated(WORDS, 3, b"\1\2"), reply(y=[1]), reply(y=[2]))
    count(outcome, Generated(MLP, 2, b""), reply(y=[1]), reply(y=[1]))
    assert (outcome.calls, outcome.different, len(outcome.differences)) == (SHOWN + 6, SHOWN + 5, SHOWN)
    assert outcome.differences[0].endswith("request 0102")
    written = document(outcome, FACTS, "python -m benchmarks equal")
    assert written["models"]["words"]["rows"] == 3 * (SHOWN + 5)
    assert written["models"]["mlp"]["same_bytes"] == 1


def test_joined_answers_are_those_of_the_same_server_called_directly() -> None:
    outcome = hold(1024, seed=1, compiled=False, tell=lambda said: None)
    assert outcome.differences == []
    assert outcome.calls == 1024
    assert outcome.too_little() == []
