"""Drives rollouts: one task a model carries out the machine's commands and shows it the world. Decides nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from gateway.errors import Failure, Internal
from gateway.rollout import machine, store
from gateway.rollout.events import AbortAsked, Command, Event, PromoteAsked, Resumed, Troubled
from gateway.rollout.hands import Hands
from gateway.rollout.machine import Timing
from gateway.rollout.models_config import UnfitModelsConfig
from gateway.rollout.observe import observe
from gateway.rollout.ports import Clock, Mode, Ports, ReplicaHandle
from gateway.rollout.preflight import Wish, preflight
from gateway.rollout.refused import Cause, Refused
from gateway.rollout.reloads import ReloadBook
from gateway.rollout.state import RolloutState

TICK_S = 0.2
RELOAD_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0

T = TypeVar("T")


class SystemClock:
    """The machine's own clocks."""

    def now_us(self) -> int:
        return time.monotonic_ns() // 1000

    def unix_s(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _Runner:
    """One model's rollout: its state, the lock that orders its events, the task that ticks."""

    __slots__ = ("book", "lock", "shown", "state", "task", "until_us")

    def __init__(self, state: RolloutState, book: ReloadBook, lock: asyncio.Lock) -> None:
        self.state = state
        self.shown = state  # what others are told: the newest state whose commands are carried out
        self.book = book
        self.lock = lock
        self.task: asyncio.Task[None] | None = None
        self.until_us = 0  # after the end: how long replicas that were away are still sent the configuration


class RolloutDriver:
    """Owns every rollout of the gateway, and their files under `state_dir`/rollouts.

    `start` before traffic, `stop` when draining; between them the verbs. `log` takes (model, words) for each change.
    """

    def __init__(
        self,
        ports: Ports,
        state_dir: Path,
        *,
        clock: Clock | None = None,
        timing: Timing | None = None,
        log: Callable[[str, str], None] | None = None,
    ) -> None:
        self._ports = ports
        self._state_dir = state_dir
        self._clock = clock or SystemClock()
        self._timing = timing or Timing()
        self._log = log or (lambda model, words: None)
        self._runners: dict[str, _Runner] = {}
        self._books: dict[Path, ReloadBook] = {}
        self._hands = Hands(ports, state_dir, asyncio.to_thread, asyncio.Lock())
        self._starting = asyncio.Lock()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._problems: tuple[str, ...] = ()

    async def start(self) -> None:
        """Read the states, put them into the route table, go on with what was running."""
        restored = await asyncio.to_thread(store.restore, self._state_dir)
        problems = list(restored.problems)
        for model, state in restored.states.items():
            path = self._ports.models_config_path(model)
            if self._ports.mode(model) is not Mode.MANAGED or (path is None and not state.phase.finished):
                problems.append(
                    f"model {model}: a rollout to version {state.plan.to_version} is {state.phase}, but gateway.yaml no"
                    f" longer has the model managed with a models_config; its state in {self._state_dir} is left aside"
                )
                continue
            self._runners[model] = runner = _Runner(state, self._book(path), asyncio.Lock())
            for command in machine.reapply(state):
                self._hands.route(model, command)
            if not state.phase.finished:
                self._log(model, f"rollout resumed in phase {state.phase}")
                runner.task = self._own(self._run(runner, Resumed()))
        self._problems = tuple(problems)

    async def stop(self) -> None:
        """End every task; what runs is resumed by the next start."""
        for task in (tasks := list(self._tasks)):
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=STOP_TIMEOUT_S)

    async def begin(self, wish: Wish) -> RolloutState:
        """Start a rollout. Raises: Refused."""
        return await asyncio.shield(self._own(self._begin(wish)))

    async def abort(self, model: str) -> RolloutState:
        """Take users off the new version now. Raises: Refused."""
        return await self._verb(model, AbortAsked())

    async def promote(self, model: str) -> RolloutState:
        """Give every user the new version now. Raises: Refused."""
        return await self._verb(model, PromoteAsked())

    def get(self, model: str) -> RolloutState:
        """The last rollout of the model, finished or not. Raises: Refused."""
        return self._runner(model).shown

    def states(self) -> list[RolloutState]:
        """The last rollout of each model, by name."""
        return [self._runners[model].shown for model in sorted(self._runners)]

    def problems(self) -> tuple[str, ...]:
        """Files that could not be used at start."""
        return self._problems

    async def _begin(self, wish: Wish) -> RolloutState:
        async with self._starting:
            before = self._runners.get(wish.model)
            lock = before.lock if before is not None else asyncio.Lock()
            async with lock:  # the last rollout's own end is written before this one's beginning
                runner = await self._first(wish, before, lock)
            runner.task = self._own(self._run(runner, None))
            return runner.shown

    async def _first(self, wish: Wish, before: _Runner | None, lock: asyncio.Lock) -> _Runner:
        cleared = preflight(wish, self._ports, before.state if before is not None else None)
        book = self._book(self._ports.models_config_path(wish.model))
        now_us, unix_s = self._clock.now_us(), self._clock.unix_s()
        seen = observe(self._ports, cleared.plan, book)
        state, commands = machine.begin(cleared.plan, added=cleared.added, seen=seen, now_us=now_us, unix_s=unix_s)
        try:
            await asyncio.to_thread(store.save, self._state_dir, state)
        except OSError as error:
            words = f"{self._state_dir}: the rollout's state cannot be written: {error}"
            raise Refused(Cause.NOT_NOW, [words]) from error
        if before is not None and before.task is not None:
            before.task.cancel()  # it only lingered
        self._runners[wish.model] = runner = _Runner(state, book, lock)
        self._log(wish.model, f"rollout from version {state.plan.from_version} started: {state.reason}")
        await self._carry_out(runner, commands)
        runner.shown = runner.state
        return runner

    async def _verb(self, model: str, event: AbortAsked | PromoteAsked) -> RolloutState:
        """Carried out to its end even if the operator who asked goes away."""
        return await asyncio.shield(self._own(self._locked(self._runner(model), event)))

    async def _locked(self, runner: _Runner, event: Event) -> RolloutState:
        async with runner.lock:
            await self._apply(runner, event)
            runner.shown = runner.state
        return runner.shown

    async def _run(self, runner: _Runner, first: Resumed | None) -> None:
        """Show the machine the world at short intervals until the rollout ended and every replica has its end."""
        if first is not None:
            await self._locked(runner, first)
        while await self._tick(runner):
            pass

    async def _tick(self, runner: _Runner) -> bool:
        """False when there is nothing more to do."""
        await self._clock.sleep(TICK_S)
        try:
            self._send_due(runner)
            goes_on = not runner.state.phase.finished or self._lingers(runner)
            event: Event = observe(self._ports, runner.state.plan, runner.book)
        except Exception as error:  # noqa: BLE001 -- a fault in a port must not leave users on a version nobody judges
            goes_on = not runner.state.phase.finished
            event = Troubled(f"the gateway could not look at the model: {error!r}")
        await self._locked(runner, event)
        return goes_on

    def _lingers(self, runner: _Runner) -> bool:
        """A replica that was away while the configuration changed gets it when it is back, within the load timeout."""
        now_us = self._clock.now_us()
        runner.until_us = runner.until_us or now_us + int(self._timing.load_timeout_s * 1e6)
        addresses = [replica.address for replica in self._ports.replicas(runner.state.plan.model)]
        return now_us < runner.until_us and not runner.book.settled(addresses)

    async def _apply(self, runner: _Runner, event: Event) -> None:
        before = runner.state
        runner.state, commands = machine.advance(before, event, self._clock.now_us(), self._timing)
        after = runner.state
        if (after.phase, after.step_index) != (before.phase, before.step_index):
            runner.state = replace(after, updated_unix_s=self._clock.unix_s())
            self._log(after.plan.model, f"rollout {after.phase} {after.percent:g} %: {after.reason}")
        await self._carry_out(runner, commands)

    async def _carry_out(self, runner: _Runner, commands: tuple[Command, ...]) -> None:
        """In order; the first that fails is told to the machine, which says what to do instead."""
        for command in commands:
            try:
                await self._hands.do(runner.state, runner.book, command)
            except Exception as error:  # noqa: BLE001 -- a full disk or a fault in a port alike must lead to a way back
                words = str(error) if isinstance(error, OSError | UnfitModelsConfig) else repr(error)
                await self._apply(runner, Troubled(f"{type(command).__name__} failed: {words}"))
                return

    def _send_due(self, runner: _Runner) -> None:
        up = {replica.address: replica for replica in self._ports.replicas(runner.state.plan.model) if replica.up}
        for address in runner.book.take_due(up, self._clock.now_us()):
            self._own(self._send(runner, up[address], runner.book.request))

    async def _send(self, runner: _Runner, replica: ReplicaHandle, request: bytes) -> None:
        failure: Failure | None = None
        try:
            await self._ports.reload(replica, request, RELOAD_TIMEOUT_S)
        except Failure as error:
            failure = error
        except Exception as error:  # noqa: BLE001 -- the book must hear of every end, or the replica is never sent to again
            failure = Internal(repr(error))
        runner.book.ended(replica.address, failure, self._clock.now_us())
        self._ports.poke_watch(runner.state.plan.model)

    def _own(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _book(self, path: Path | None) -> ReloadBook:
        return ReloadBook() if path is None else self._books.setdefault(path, ReloadBook())

    def _runner(self, model: str) -> _Runner:
        runner = self._runners.get(model)
        if runner is None:
            raise Refused(Cause.UNKNOWN, [f"model {model}: no rollout of it was ever started here"])
        return runner
