"""The admin API over a real grpc.aio server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest

from gateway.admin.service import AdminServicer
from gateway.admin.socket import claim_state_dir
from gateway.rollout.preflight import Wish
from protos.stubs.tidegate.admin.v1 import admin_pb2, admin_pb2_grpc
from tests.unit.gateway.admin.fakes import FakeRollouts


@pytest.fixture
def rollouts() -> FakeRollouts:
    return FakeRollouts()


def status() -> admin_pb2.GetStatusResponse:
    models = [admin_pb2.ModelStatus(name="digits"), admin_pb2.ModelStatus(name="letters")]
    return admin_pb2.GetStatusResponse(version="1.2.3", models=models, problems=["a replica is down"])


@pytest.fixture
async def admin(tmp_path: Path, rollouts: FakeRollouts) -> AsyncIterator[admin_pb2_grpc.AdminStub]:
    socket = claim_state_dir(tmp_path)
    await socket.start(AdminServicer(status, rollouts))
    async with grpc.aio.insecure_channel(f"unix:{socket.path}") as channel:
        yield admin_pb2_grpc.AdminStub(channel)  # type: ignore[no-untyped-call]  # generated code
    await socket.close(0)


START = admin_pb2.StartRolloutRequest(model="digits", to_version=3, steps_percent=[20, 100], hold_s=2.5, keep_old=True)


async def test_a_start_gives_the_whole_wish_and_tells_the_rollout(
    admin: admin_pb2_grpc.AdminStub, rollouts: FakeRollouts
) -> None:
    reply = await admin.StartRollout(START)
    assert rollouts.wishes == [Wish("digits", 3, (20.0, 100.0), 2.5, 0.02, True)]
    assert reply == admin_pb2.Rollout(
        model="digits",
        from_version=1,
        to_version=3,
        phase="loading",
        percent=0,
        steps_percent=[20, 100],
        hold_s=2.5,
        reason="loading",
        started_unix_s=100,
        updated_unix_s=101,
        error_margin_ratio=0.02,
        keep_old=True,
    )


async def test_what_a_start_leaves_out_takes_its_default_and_zero_is_no_default(
    admin: admin_pb2_grpc.AdminStub, rollouts: FakeRollouts
) -> None:
    await admin.StartRollout(admin_pb2.StartRolloutRequest(model="digits", to_version=3, error_margin_ratio=0.0))
    assert rollouts.wishes == [Wish("digits", 3, (10.0, 50.0, 100.0), 5.0, 0.0, False)]


@pytest.mark.parametrize(
    ("request_", "code", "words"),
    [
        (admin_pb2.StartRolloutRequest(model="nobody", to_version=3), grpc.StatusCode.NOT_FOUND, "no such model"),
        (
            admin_pb2.StartRolloutRequest(model="digits", to_version=3, hold_s=0),
            grpc.StatusCode.INVALID_ARGUMENT,
            "hold_s: must be more than 0\nsomething else",
        ),
        (START, grpc.StatusCode.FAILED_PRECONDITION, "a rollout to version 3 is stepping"),
    ],
)
async def test_a_refusal_has_its_code_and_every_problem(
    admin: admin_pb2_grpc.AdminStub,
    request_: admin_pb2.StartRolloutRequest,
    code: grpc.StatusCode,
    words: str,
) -> None:
    await admin.StartRollout(START)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await admin.StartRollout(request_)
    assert failed.value.code() is code
    assert words in str(failed.value.details())


async def test_verbs_reach_the_rollout_they_name(admin: admin_pb2_grpc.AdminStub) -> None:
    await admin.StartRollout(START)
    named = admin_pb2.RolloutRequest(model="digits")
    assert (await admin.PromoteRollout(named)).phase == "unloading"
    assert (await admin.AbortRollout(named)).phase == "aborting"
    assert (await admin.GetRollout(named)).reason == "aborted by the operator"
    with pytest.raises(grpc.aio.AioRpcError, match="no rollout of it was ever started"):
        await admin.GetRollout(admin_pb2.RolloutRequest(model="letters"))


async def test_the_list_is_of_every_model_or_of_the_one_named(admin: admin_pb2_grpc.AdminStub) -> None:
    await admin.StartRollout(START)
    assert [r.model for r in (await admin.ListRollouts(admin_pb2.RolloutRequest())).rollouts] == ["digits"]
    assert list((await admin.ListRollouts(admin_pb2.RolloutRequest(model="letters"))).rollouts) == []


async def test_status_shows_each_models_rollout_and_the_problems_of_both(
    admin: admin_pb2_grpc.AdminStub, rollouts: FakeRollouts
) -> None:
    rollouts.told = ("letters.json is corrupt",)
    await admin.StartRollout(START)
    reply = await admin.GetStatus(admin_pb2.GetStatusRequest())
    assert [model.HasField("rollout") for model in reply.models] == [True, False]
    assert list(reply.problems) == ["a replica is down", "letters.json is corrupt"]
