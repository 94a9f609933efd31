"""What is marked in a turn of the loop is written once, at its end."""

from __future__ import annotations

import asyncio

from gateway.http2.shell.flusher import Flusher


class Writer:
    """Counts its writes; marks itself `again` times more, or fails."""

    def __init__(self, flusher: Flusher, again: int = 0, broken: bool = False) -> None:
        self.marked = False
        self.writes = 0
        self._flusher = flusher
        self.aborted = False
        self._again = again
        self._broken = broken

    def abort(self) -> None:
        self.aborted = True

    def flush(self) -> None:
        self.writes += 1
        if self._broken:
            raise RuntimeError("the transport is gone")
        if self._again:
            self._again -= 1
            self._flusher.mark(self)


async def test_many_marks_in_a_turn_are_one_write() -> None:
    flusher = Flusher(asyncio.get_running_loop())
    first, second = Writer(flusher), Writer(flusher)
    for _ in range(3):
        flusher.mark(first)
        flusher.mark(second)
    assert (first.writes, second.writes) == (0, 0)
    await asyncio.sleep(0)
    assert (first.writes, second.writes) == (1, 1)
    assert not first.marked


async def test_who_marks_itself_while_it_writes_gets_the_next_turn() -> None:
    flusher = Flusher(asyncio.get_running_loop())
    greedy, modest = Writer(flusher, again=2), Writer(flusher)
    flusher.mark(greedy)
    flusher.mark(modest)
    turns = []
    for _ in range(4):
        await asyncio.sleep(0)
        turns.append((greedy.writes, modest.writes))
    assert turns == [(1, 1), (2, 1), (3, 1), (3, 1)]


async def test_one_that_cannot_be_written_is_ended_and_the_others_are_written() -> None:
    loop, told = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: told.append(str(context["exception"])))
    flusher = Flusher(loop)
    broken, sound = Writer(flusher, broken=True), Writer(flusher)
    flusher.mark(broken)
    flusher.mark(sound)
    await asyncio.sleep(0)
    assert (broken.aborted, sound.writes, sound.aborted) == (True, 1, False)
    assert told == ["the transport is gone"]
