"""What batching does is seen from outside: on the metrics page, and by `tidegate status`."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from cli.main import main
from tests.fakes.behaviour import Fault
from tests.fakes.gateway_process import GatewayProcess, write_config
from tests.fakes.tensors import answer_of, predict_message
from tests.fakes.waiting import DEADLINE_S
from tests.integration.gateway.conftest import StartGateway, StartReplica

pytestmark = pytest.mark.slow

DIGITS = {"model": "digits", "version": "1"}
ONE_SLOT = "default_upstream: pool\nbatching: {slots_per_replica: 1, mode: 'on', allowed_batch_sizes: [4, 64]}\n"


async def call_all(gateway: GatewayProcess, count: int) -> None:
    """So many callers at once, each with a row of their own; every answer is right."""
    rows = [(float(caller), float(caller) / 2) for caller in range(count)]
    answers = await asyncio.gather(*(gateway.predict(predict_message(row)) for row in rows))
    assert [answer for _, answer in answers] == [answer_of(row, 1) for row in rows]


async def call_until(gateway: GatewayProcess, name: str, **labels: str) -> None:
    """Call until this sample is there and not 0; the first calls of a version may come before its signatures."""
    end_s = time.monotonic() + DEADLINE_S
    while not await gateway.metric(name, **labels):
        assert time.monotonic() < end_s, f"{name} {labels} never came\n{gateway.log}"
        await call_all(gateway, 8)


async def test_rows_padding_slots_and_times_add_up(
    start_replica: StartReplica, start_gateway: StartGateway, tmp_path: Path
) -> None:
    replica = await start_replica()
    write_config(tmp_path / "gateway.yaml", [replica.address], ONE_SLOT)
    gateway = await start_gateway("--config", str(tmp_path / "gateway.yaml"))
    await gateway.predict_until(predict_message(), 1)
    await call_until(gateway, "tidegate_batch_members_total", **DIGITS)
    before = await gateway.metric("tidegate_batch_members_total", **DIGITS)
    held = asyncio.Event()
    replica.inject(Fault(until=held))
    calls = asyncio.create_task(call_all(gateway, 3))
    await gateway.metric_reaches(1, "tidegate_batch_slots_in_use", upstream="pool")
    assert await gateway.metric("tidegate_batch_slots", upstream="pool") == 1
    held.set()
    await calls
    assert await gateway.metric("tidegate_batch_slots_in_use", upstream="pool") == 0
    batches = await gateway.metric("tidegate_batch_rows_count", **DIGITS)
    rows = await gateway.metric("tidegate_batch_rows_sum", **DIGITS)
    assert rows == await gateway.metric("tidegate_batch_members_total", **DIGITS) == before + 3
    assert rows + await gateway.metric("tidegate_batch_padding_rows_total", **DIGITS) == 4 * batches
    assert await gateway.metric("tidegate_batch_left_total", **DIGITS) == batches
    assert await gateway.metric("tidegate_batch_slot_seconds_total", **DIGITS) > 0
    assert await gateway.metric("tidegate_batching_state", **DIGITS, state="on by configuration") == 1


async def test_a_signature_is_seen_to_be_proved(
    start_replica: StartReplica, start_gateway: StartGateway, tmp_path: Path
) -> None:
    replica = await start_replica()
    write_config(tmp_path / "gateway.yaml", [replica.address], "models: {digits: {upstream: pool}}\n")
    gateway = await start_gateway("--config", str(tmp_path / "gateway.yaml"))
    await gateway.predict_until(predict_message(), 1)
    await call_until(gateway, "tidegate_batching_state", **DIGITS, state="proved")
    assert await gateway.metric("tidegate_batch_events_total", **DIGITS, event="trial") >= 3
    assert await gateway.metric("tidegate_batch_events_total", **DIGITS, event="turned_off") == 0
    shown = await asyncio.to_thread(CliRunner().invoke, main, ["status", "--state-dir", str(gateway.state_dir)])
    assert shown.exit_code == 0, shown.output
    assert "  batching  auto, " in shown.output
    assert "            version 1 serving_default: proved\n" in shown.output
