"""Deadlines end what is late, once, and nothing that was taken back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator

import pytest

from gateway.http2.shell.deadlines import Deadlines
from gateway.http2.shell.link import now_us
from tests.fakes.waiting import until


class Waiter:
    """Tells when it expired."""

    def __init__(self) -> None:
        self.expired_us: list[int] = []

    def expire(self) -> None:
        self.expired_us.append(now_us())


@pytest.fixture
async def deadlines() -> Iterator[Deadlines]:  # type: ignore[misc]  # pytest makes it one
    deadlines = Deadlines(asyncio.get_running_loop())
    yield deadlines
    deadlines.close()


async def test_each_expires_once_and_never_before_its_time(deadlines: Deadlines) -> None:
    chance, begun = random.Random(7), now_us()
    waiting = [(begun + chance.randrange(-1000, 60_000), Waiter()) for _ in range(200)]
    for at_us, waiter in waiting:
        deadlines.add(at_us, waiter)
    await until(lambda: all(waiter.expired_us for _, waiter in waiting), "all to expire")
    assert all(len(waiter.expired_us) == 1 and waiter.expired_us[0] >= at_us for at_us, waiter in waiting)


async def test_what_is_taken_back_never_expires(deadlines: Deadlines) -> None:
    at_us = now_us() + 10_000
    kept, taken_back, sentinel = Waiter(), Waiter(), Waiter()
    deadlines.add(at_us, kept)
    deadlines.add(at_us, taken_back)
    deadlines.discard(at_us, taken_back)
    deadlines.add(at_us + 10_000, sentinel)
    await until(lambda: sentinel.expired_us, "the last one")
    assert (len(kept.expired_us), taken_back.expired_us) == (1, [])


async def test_one_that_is_sooner_than_all_others_does_not_wait_for_them(deadlines: Deadlines) -> None:
    late, soon = Waiter(), Waiter()
    deadlines.add(now_us() + 3600 * 10**6, late)
    deadlines.add(now_us() + 5000, soon)
    await until(lambda: soon.expired_us, "the sooner one")
    assert late.expired_us == []


async def test_those_taken_back_leave_no_timer_that_keeps_later_ones_waiting(deadlines: Deadlines) -> None:
    first, second = Waiter(), Waiter()
    at_us = now_us() + 5000
    deadlines.add(at_us, first)
    deadlines.discard(at_us, first)
    deadlines.discard(at_us, first)  # of no consequence
    deadlines.add(at_us + 20_000, second)
    await until(lambda: second.expired_us, "the second")
    assert first.expired_us == []


async def test_one_that_expires_may_add_another(deadlines: Deadlines) -> None:
    last = Waiter()

    class Chained(Waiter):
        def expire(self) -> None:
            super().expire()
            deadlines.add(now_us(), last)

    deadlines.add(now_us(), Chained())
    await until(lambda: last.expired_us, "the one that was added")


async def test_after_the_close_nothing_expires(deadlines: Deadlines) -> None:
    forgotten, sentinel = Waiter(), asyncio.Event()
    deadlines.add(now_us() + 1000, forgotten)
    deadlines.close()
    asyncio.get_running_loop().call_later(0.03, sentinel.set)
    await sentinel.wait()
    assert forgotten.expired_us == []
