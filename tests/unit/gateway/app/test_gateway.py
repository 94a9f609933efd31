"""Draining: nobody who was let in is cut off while time is left."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.app.gateway import Gateway
from gateway.limits.admission import Admission
from gateway.server.health import Http2Health
from tests.unit.gateway.app.settings import settings_of


class LateCallPort:
    """A client port where one more call came in before it was closed; it ends a while later."""

    def __init__(self, admission: Admission) -> None:
        self.admission = admission
        self.health = Http2Health()
        self.unfinished = 0
        self.stops: list[float] = []
        self.unfinished_at_flush: int | None = None

    async def stop(self, grace_s: float) -> None:
        self.stops.append(grace_s)
        if len(self.stops) == 1:
            assert self.admission.admit()
            asyncio.get_running_loop().call_later(0.1, self.admission.release)
        elif self.unfinished_at_flush is None:
            self.unfinished_at_flush = self.admission.unfinished


async def test_a_call_that_came_in_as_the_port_closed_gets_the_whole_timeout(tmp_path: Path) -> None:
    gateway = Gateway(settings_of(tmp_path, "default_upstream: pool\n"), None, tmp_path / "state")
    real, port = gateway.server, LateCallPort(gateway.context.admission)
    gateway.server = port  # type: ignore[assignment]  # stands for the real one, which never listened
    assert await gateway.drain()
    await real.stop(0)
    assert port.stops[0] > 20  # the drain timeout and a little
    assert port.unfinished_at_flush == 0


class SlowReaderPort:
    """A client port whose last reply takes a while to leave, or for ever."""

    def __init__(self, leaves: bool) -> None:
        self.health = Http2Health()
        self.unfinished = 1
        self.unfinished_at_stops: list[int] = []
        self._leaves = leaves

    async def stop(self, grace_s: float) -> None:
        if not self.unfinished_at_stops and self._leaves:
            asyncio.get_running_loop().call_later(0.1, self._left)
        self.unfinished_at_stops.append(self.unfinished)

    def _left(self) -> None:
        self.unfinished = 0


@pytest.mark.parametrize("leaves", [True, False])
async def test_a_reply_on_its_way_out_is_waited_for_as_a_call_is(tmp_path: Path, leaves: bool) -> None:
    settings = settings_of(tmp_path, "default_upstream: pool\n")
    if not leaves:
        settings = replace(settings, server=replace(settings.server, drain_timeout_s=0.01))
    gateway = Gateway(settings, None, tmp_path / "state")
    real, port = gateway.server, SlowReaderPort(leaves)
    gateway.server = port  # type: ignore[assignment]  # stands for the real one, which never listened
    assert await gateway.drain() is leaves
    await real.stop(0)
    assert port.unfinished_at_stops[-1] == (0 if leaves else 1)


async def test_a_call_that_outlives_the_timeout_is_cut_off_and_that_is_told(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "default_upstream: pool\n")
    short = replace(settings, server=replace(settings.server, drain_timeout_s=0.01))
    gateway = Gateway(short, None, tmp_path / "state")
    assert gateway.context.admission.admit()
    assert not await gateway.drain()
    assert gateway.report.readiness() == ["draining"]
