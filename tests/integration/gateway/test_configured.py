"""With gateway.yaml: splits, labels, bounds and budgets, each upstream under its own policy; all on two fakes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import grpc
import pytest
import pytest_asyncio

from gateway.upstream.policy import Transport
from tests.fakes.behaviour import AVAILABLE, END, FakeServing, Fault
from tests.fakes.gateway_process import GatewayProcess, refusal, write_config
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import PREDICT, RELOAD, predict_message
from tests.fakes.waiting import until
from tests.integration.gateway.conftest import over_both

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module"), over_both]

CONFIGURATION = """
  tight: {{replicas: [{replicas}], transport: {transport}, max_in_flight_per_replica: 2, max_queued_calls: 3}}
  stingy: {{replicas: [{replicas}], transport: {transport}, retry: {{budget_ratio: 0.0, min_per_s: 0.0}}}}
default_upstream: pool
models:
  digits:
    upstream: pool
    versions: managed
    version: 1
    labels: {{stable: 1, canary: 2}}
    split:
      arms:
        - {{name: base, weight: 70}}
        - {{name: canary, weight: 30, version_label: canary}}
    header_rules: [{{header: x-team, value: blue, arm: canary}}]
  narrow: {{upstream: tight, batching: {{mode: "off"}}}}
  poor: {{upstream: stingy, batching: {{mode: "off"}}}}
routing_headers: [x-user-id, x-team]
"""


@dataclass(frozen=True, slots=True)
class Configured:
    """A gateway by file before two replicas."""

    gateway: GatewayProcess
    replicas: tuple[FakeReplica, FakeReplica]

    def inject(self, fault: Fault, times: int = 1) -> None:
        for replica in self.replicas:
            replica.inject(Fault(fault.method, fault.code, fault.message, fault.trailers, fault.until, times))

    def calls(self) -> int:
        return sum(len(replica.calls()) for replica in self.replicas)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def configured(transport: Transport, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Configured]:
    serving = FakeServing({})
    for model in ("digits", "narrow", "poor", "free"):
        serving.put(model, {1: AVAILABLE, 2: AVAILABLE} if model == "digits" else {1: AVAILABLE})
    replicas = (FakeReplica(serving), FakeReplica(serving))
    addresses = [await replica.start() for replica in replicas]
    folder = tmp_path_factory.mktemp("configured")
    listed = ", ".join(f'"{address}"' for address in addresses)
    text = CONFIGURATION.format(replicas=listed, transport=transport)
    write_config(folder / "gateway.yaml", addresses, text, transport)
    gateway = GatewayProcess(folder, "--config", str(folder / "gateway.yaml"))
    try:
        await gateway.start()
        yield Configured(gateway, replicas)
    finally:
        await gateway.stop()
        for replica in replicas:
            await replica.stop()


async def test_a_user_meets_the_same_arm_every_time_and_arms_get_their_shares(configured: Configured) -> None:
    users = [f"user-{number}" for number in range(200)]
    first, second = [
        [(await configured.gateway.predict(predict_message(), x_user_id=user))[0] for user in users] for _ in range(2)
    ]
    assert first == second
    assert abs(first.count(2) - 60) < 3 * (200 * 0.3 * 0.7) ** 0.5


async def test_client_id_is_the_key_where_no_header_is(configured: Configured) -> None:
    by_header = [(await configured.gateway.predict(predict_message(), x_user_id=f"u{n}"))[0] for n in range(20)]
    by_field = [(await configured.gateway.predict(predict_message(client_id=b"u%d" % n)))[0] for n in range(20)]
    assert by_field == by_header


async def test_the_reply_says_which_arm_and_version_it_is_from(configured: Configured) -> None:
    method: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = configured.gateway.channel.unary_unary(PREDICT)
    call = method(predict_message().SerializeToString(), metadata=(("x-team", "blue"),), timeout=60)
    await call
    headers = dict(await call.initial_metadata())
    assert (headers["tidegate-arm"], headers["tidegate-version"]) == ("canary", "2")


async def test_declared_labels_are_resolved_by_the_gateway(configured: Configured) -> None:
    assert (await configured.gateway.predict(predict_message(label="stable")))[0] == 1
    assert (await configured.gateway.predict(predict_message(label="canary")))[0] == 2


async def test_a_chosen_version_that_is_nowhere_is_unavailable_never_not_found(configured: Configured) -> None:
    serving = configured.replicas[0].serving
    serving.put("digits", {1: AVAILABLE, 2: END})
    try:
        code, text = await refusal(configured.gateway.predict(predict_message(label="canary")))
    finally:
        serving.put("digits", {1: AVAILABLE, 2: AVAILABLE})
    assert code is grpc.StatusCode.UNAVAILABLE
    assert 'model "digits"' in text
    await configured.gateway.metric_reaches(2, "tidegate_version_available", model="digits", version="2")


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (grpc.StatusCode.UNAVAILABLE, "the server is going away"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "Server Threadpool Exhausted"),
    ],
)
async def test_a_replica_that_turns_a_call_away_is_not_the_last_one_asked(
    configured: Configured, code: grpc.StatusCode, text: str
) -> None:
    before, retried = configured.calls(), await configured.gateway.metric("tidegate_retries_total", upstream="pool")
    configured.replicas[0].inject(Fault(code=code, message=text))
    for _ in range(20):
        await configured.gateway.predict(predict_message(model="free"))
        if not configured.replicas[0].faulty:
            break
    assert not configured.replicas[0].faulty
    assert await configured.gateway.metric("tidegate_retries_total", upstream="pool") == retried + 1
    assert configured.calls() > before


async def test_other_exhaustion_is_the_callers_to_see(configured: Configured) -> None:
    configured.inject(Fault(code=grpc.StatusCode.RESOURCE_EXHAUSTED, message="out of memory"))
    assert await refusal(configured.gateway.predict(predict_message(model="poor"))) == (
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        "out of memory",
    )
    for replica in configured.replicas:
        replica.recover()


async def test_without_budget_nothing_is_retried(configured: Configured) -> None:
    configured.inject(Fault(code=grpc.StatusCode.UNAVAILABLE, message="busy"))
    before = configured.calls()
    assert await refusal(configured.gateway.predict(predict_message(model="poor"))) == (
        grpc.StatusCode.UNAVAILABLE,
        "busy",
    )
    assert configured.calls() == before + 1
    for replica in configured.replicas:
        replica.recover()


async def test_calls_beyond_the_slots_wait_and_those_beyond_the_queue_are_shed(configured: Configured) -> None:
    release = asyncio.Event()
    before = configured.calls()
    for replica in configured.replicas:
        replica.most_in_flight = 0
    configured.inject(Fault(until=release), times=100)
    calls = [asyncio.ensure_future(configured.gateway.predict(predict_message(model="narrow"))) for _ in range(10)]
    await until(lambda: sum(call.done() for call in calls) == 3, "three calls to be shed")  # 2 x 2 run, 3 wait
    shed = [call.exception() for call in calls if call.done()]
    assert {error.code() for error in shed if isinstance(error, grpc.aio.AioRpcError)} == {
        grpc.StatusCode.RESOURCE_EXHAUSTED
    }
    await until(lambda: configured.calls() == before + 4, "the four calls with a slot to arrive")
    assert await configured.gateway.metric("tidegate_in_flight", upstream="tight") == 4
    release.set()
    for replica in configured.replicas:
        replica.recover()
    answered = [answer for answer in await asyncio.gather(*calls, return_exceptions=True) if isinstance(answer, tuple)]
    assert len(answered) == 7
    assert max(replica.most_in_flight for replica in configured.replicas) == 2


async def test_a_caller_that_leaves_takes_its_call_along(configured: Configured) -> None:
    release = asyncio.Event()
    configured.inject(Fault(until=release))
    before = [replica.calls()[-1:] for replica in configured.replicas]
    call = asyncio.ensure_future(configured.gateway.predict(predict_message(model="narrow")))
    await until(lambda: [r.calls()[-1:] for r in configured.replicas] != before, "the call to arrive")
    call.cancel()
    latest = next(
        replica.calls()[-1]
        for replica, was in zip(configured.replicas, before, strict=True)
        if replica.calls()[-1:] != was
    )
    await until(lambda: latest.cancelled, "the replica to hear of it")
    release.set()
    for replica in configured.replicas:
        replica.recover()


async def test_a_callers_deadline_travels_and_ends_its_call(configured: Configured) -> None:
    configured.inject(Fault(until=asyncio.Event()))
    assert (await refusal(configured.gateway.predict(predict_message(model="narrow"), timeout_s=0.5)))[0] is (
        grpc.StatusCode.DEADLINE_EXCEEDED
    )
    last = max((replica.calls()[-1] for replica in configured.replicas if replica.calls()), key=lambda call: call.order)
    assert last.timeout_s is not None
    assert last.timeout_s < 1
    await configured.gateway.metric_reaches(1, "tidegate_requests_total", model="narrow", code="DEADLINE_EXCEEDED")
    for replica in configured.replicas:
        replica.recover()


async def test_a_reload_is_refused_where_several_upstreams_make_it_ambiguous(configured: Configured) -> None:
    assert (await refusal(configured.gateway.call(RELOAD, b"")))[0] is grpc.StatusCode.PERMISSION_DENIED
