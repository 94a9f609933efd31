"""The admin API's servicer: status from the gateway, verbs to the rollout driver, refusals as clear gRPC codes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn, Protocol

import grpc

from gateway.rollout.plan import DEFAULT_ERROR_MARGIN_RATIO, DEFAULT_HOLD_S, DEFAULT_STEPS_PERCENT
from gateway.rollout.preflight import Wish
from gateway.rollout.refused import Cause, Refused
from gateway.rollout.state import RolloutState
from protos.stubs.tidegate.admin.v1 import admin_pb2, admin_pb2_grpc

CODES: dict[Cause, grpc.StatusCode] = {
    Cause.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Cause.UNKNOWN: grpc.StatusCode.NOT_FOUND,
    Cause.NOT_NOW: grpc.StatusCode.FAILED_PRECONDITION,
}


class StatusSource(Protocol):
    """Tells all but the rollouts, which the servicer fills in."""

    def __call__(self) -> admin_pb2.GetStatusResponse: ...


class Rollouts(Protocol):
    """What the servicer needs of gateway.rollout.shell.RolloutDriver. Each verb raises Refused."""

    async def begin(self, wish: Wish) -> RolloutState: ...

    async def abort(self, model: str) -> RolloutState: ...

    async def promote(self, model: str) -> RolloutState: ...

    def get(self, model: str) -> RolloutState: ...

    def states(self) -> list[RolloutState]: ...

    def problems(self) -> tuple[str, ...]: ...


class AdminServicer(admin_pb2_grpc.AdminServicer):
    """Runs under grpc.aio on the gateway's own loop."""

    def __init__(self, status: StatusSource, rollouts: Rollouts) -> None:
        self._status = status
        self._rollouts = rollouts

    async def GetStatus(
        self, request: admin_pb2.GetStatusRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> admin_pb2.GetStatusResponse:
        response = self._status()
        states = {state.plan.model: state for state in self._rollouts.states()}
        for model in response.models:
            if model.name in states:
                model.rollout.CopyFrom(rollout_message(states[model.name]))
        response.problems.extend(self._rollouts.problems())
        return response

    async def StartRollout(
        self, request: admin_pb2.StartRolloutRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> admin_pb2.Rollout:
        return await _answer(context, lambda: self._rollouts.begin(wish_of(request)))

    async def AbortRollout(
        self, request: admin_pb2.RolloutRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> admin_pb2.Rollout:
        return await _answer(context, lambda: self._rollouts.abort(request.model))

    async def PromoteRollout(
        self, request: admin_pb2.RolloutRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> admin_pb2.Rollout:
        return await _answer(context, lambda: self._rollouts.promote(request.model))

    async def GetRollout(
        self, request: admin_pb2.RolloutRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> admin_pb2.Rollout:
        async def get() -> RolloutState:
            return self._rollouts.get(request.model)

        return await _answer(context, get)

    async def ListRollouts(
        self, request: admin_pb2.RolloutRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> admin_pb2.RolloutList:
        """Of every model, or of the one named; an unknown name is an empty list."""
        states = [state for state in self._rollouts.states() if request.model in ("", state.plan.model)]
        return admin_pb2.RolloutList(rollouts=[rollout_message(state) for state in states])


def wish_of(request: admin_pb2.StartRolloutRequest) -> Wish:
    """A field left out takes its default, which is defined in one place: with the plan."""
    return Wish(
        request.model,
        request.to_version,
        tuple(request.steps_percent) or DEFAULT_STEPS_PERCENT,
        request.hold_s if request.HasField("hold_s") else DEFAULT_HOLD_S,
        request.error_margin_ratio if request.HasField("error_margin_ratio") else DEFAULT_ERROR_MARGIN_RATIO,
        request.keep_old,
    )


def rollout_message(state: RolloutState) -> admin_pb2.Rollout:
    plan = state.plan
    return admin_pb2.Rollout(
        model=plan.model,
        from_version=plan.from_version,
        to_version=plan.to_version,
        phase=state.phase.value,
        percent=state.percent,
        steps_percent=plan.steps_percent,
        hold_s=plan.hold_s,
        reason=state.reason,
        started_unix_s=state.started_unix_s,
        updated_unix_s=state.updated_unix_s,
        error_margin_ratio=plan.error_margin_ratio,
        keep_old=plan.keep_old,
    )


async def _answer(
    context: grpc.aio.ServicerContext[Any, Any], verb: Callable[[], Awaitable[RolloutState]]
) -> admin_pb2.Rollout:
    try:
        return rollout_message(await verb())
    except Refused as refused:
        await _abort(context, refused)


async def _abort(context: grpc.aio.ServicerContext[Any, Any], refused: Refused) -> NoReturn:
    """Every problem on a line of its own."""
    await context.abort(CODES[refused.cause], "\n".join(refused.problems))
    raise AssertionError("abort always raises")
