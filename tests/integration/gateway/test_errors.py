"""Wrong input gets TensorFlow Serving's codes and words, and never reaches a replica where it could hurt."""

from __future__ import annotations

import grpc
import pytest

from protos.stubs.tidegate.wire.v1 import management_pb2
from tests.fakes.behaviour import AVAILABLE, END, LOADING, Fault
from tests.fakes.gateway_process import refusal
from tests.fakes.tensors import CLASSIFY, METADATA, PREDICT, RELOAD, STATUS, predict_message
from tests.integration.gateway.conftest import House, over_both

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), over_both]


async def test_an_unknown_model_is_not_found_and_becomes_no_metric_label(house: House) -> None:
    for version, wanted in ((None, "Latest(nosuch)"), (5, "Specific(nosuch, 5)")):
        assert await refusal(house.gateway.predict(predict_message(model="nosuch", version=version))) == (
            grpc.StatusCode.NOT_FOUND,
            f"Servable not found for request: {wanted}",
        )
    assert await house.gateway.metric("tidegate_requests_total", model="nosuch") == 0
    assert await house.gateway.metric("tidegate_requests_total", model="(unknown)", code="NOT_FOUND") >= 2


async def test_many_calls_for_an_unknown_model_ask_the_replicas_once(house: House) -> None:
    before = house.calls("GetModelStatus")
    for _ in range(50):
        assert (await refusal(house.gateway.predict(predict_message(model="nobody"))))[0] is grpc.StatusCode.NOT_FOUND
    asked = sum(
        b"nobody" in call.message for replica in house.replicas for call in replica.calls("GetModelStatus")[before:]
    )
    assert asked <= 2 * len(house.replicas)  # once, or twice if the 50 calls took longer than the second it is believed


async def test_versions_labels_and_signatures_that_do_not_exist(house: House) -> None:
    house.serve("strict", {1: AVAILABLE})
    cases = (
        (
            predict_message(model="strict", version=5),
            "NOT_FOUND",
            "Servable not found for request: Specific(strict, 5)",
        ),
        (
            predict_message(model="strict", label="gold"),
            "INVALID_ARGUMENT",
            "Unrecognized servable version label: gold",
        ),
        (
            predict_message(model="nosuch", label="gold"),
            "INVALID_ARGUMENT",
            "Unrecognized servable version label: gold",
        ),
        (
            predict_message(model="strict", signature="tune"),
            "FAILED_PRECONDITION",
            'Serving signature key "tune" not found.',
        ),
        (predict_message(model=""), "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        (
            predict_message(model="strict", alias="z"),
            "INVALID_ARGUMENT",
            "Signature input alias: x(feed name: x:0) not found in request and no default value provided. "
            "Inputs expected to be in the request {z}, or default input alias set: ",
        ),
    )
    for request, code, text in cases:
        came, details = await refusal(house.gateway.predict(request))
        assert (came.name, details) == (code, text)


async def test_bytes_that_are_no_request_are_an_internal_error_as_grpc_servers_say(house: House) -> None:
    assert (await refusal(house.gateway.call(PREDICT, b"\xff\xff")))[0] is grpc.StatusCode.INTERNAL
    assert await refusal(house.gateway.call(PREDICT, b"")) == (grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")
    assert (await refusal(house.gateway.call(PREDICT.replace("Predict", "Guess", 2), b"")))[0] is (
        grpc.StatusCode.UNIMPLEMENTED
    )


async def test_wrong_dtypes_and_shapes_never_reach_a_replica(house: House) -> None:
    house.serve("shaped", {1: AVAILABLE})
    await house.gateway.predict(predict_message(model="shaped"))
    seen = house.calls()
    wrong_dtype = predict_message(model="shaped")
    wrong_dtype.inputs["x"].dtype = 3  # type: ignore[assignment]  # the stubs want the enum's own type, the wire a number
    for request in (
        wrong_dtype,
        predict_message([1.0, 2.0], shape=(2,), model="shaped"),
        predict_message([1.0] * 3, shape=(1, 3), model="shaped"),
        predict_message([1.0], shape=(2**46, 2), model="shaped"),
    ):
        code, text = await refusal(house.gateway.predict(request))
        assert code is grpc.StatusCode.INVALID_ARGUMENT
        assert text.startswith('input "x" of signature "serving_default": ')
    assert house.calls() == seen
    assert await house.gateway.metric("tidegate_shield_refused_total", model="shaped", reason="inputs") == 4


async def test_status_of_two_replicas_is_one_answer_with_the_best_state_of_each_version(house: House) -> None:
    house.serve("merged", {1: AVAILABLE, 2: LOADING}, {1: END, 2: AVAILABLE, 3: LOADING})
    request = management_pb2.GetModelStatusRequest()
    request.model_spec.name = "merged"
    reply = await house.gateway.call(STATUS, request.SerializeToString())
    states = management_pb2.GetModelStatusResponse.FromString(reply).model_version_status
    assert [(entry.version, entry.state) for entry in states] == [(3, LOADING), (2, AVAILABLE), (1, AVAILABLE)]
    request.model_spec.name = "nosuch"
    assert await refusal(house.gateway.call(STATUS, request.SerializeToString())) == (
        grpc.StatusCode.NOT_FOUND,
        "Could not find any versions of model nosuch",
    )


async def test_calls_that_are_not_joined_keep_their_bytes_and_headers(house: House) -> None:
    """Classify is routed by its model spec and pinned to the chosen version; fields we don't know go along."""
    house.serve("digits", {1: AVAILABLE})
    spec, unknown_field = b"\x0a\x08\x0a\x06digits", b"\xba\x3e\x03abc"  # field 999
    reply = await house.gateway.call(CLASSIFY, spec + unknown_field, x_user_id="u7")
    assert reply.startswith(spec + unknown_field)
    [received] = [call for replica in house.replicas for call in replica.calls("Classify")]
    assert received.metadata["x-user-id"] == "u7"
    assert received.timeout_s is not None
    assert received.timeout_s < 61  # the 60 s of this call, as gRPC rounds them


async def test_errors_of_a_replica_pass_with_code_text_and_trailers(house: House) -> None:
    house.serve("digits", {1: AVAILABLE})
    for replica in house.replicas:
        trailers = (("x-why", "because"), ("x-raw-bin", b"\x00\x01"))
        replica.inject(Fault("Classify", code=grpc.StatusCode.DATA_LOSS, message="ünlucky", trailers=trailers, times=9))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await house.gateway.call(CLASSIFY, b"\x0a\x08\x0a\x06digits")
    for replica in house.replicas:
        replica.recover()
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.DATA_LOSS, "ünlucky")
    sent = dict(caught.value.trailing_metadata() or ())
    assert (sent["x-why"], sent["x-raw-bin"]) == ("because", b"\x00\x01")
    assert (sent["tidegate-arm"], sent["tidegate-version"]) == ("default", "1")


async def test_metadata_of_the_promoted_version_is_the_replicas_own(house: House) -> None:
    house.serve("digits", {1: AVAILABLE})
    assert b"serving_default" in await house.gateway.call(METADATA, b"\x0a\x08\x0a\x06digits\x12\x0dsignature_def")


async def test_a_reload_is_refused_on_the_client_port_unless_allowed(house: House) -> None:
    code, text = await refusal(house.gateway.call(RELOAD, b""))
    assert code is grpc.StatusCode.PERMISSION_DENIED
    assert "server.allow_reload_config" in text
    assert house.calls("HandleReloadConfigRequest") == 0
