"""Watches one replica: is it up, which versions of which models has it, what are their signatures."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Set

import structlog
from google.protobuf.message import DecodeError

from gateway.errors import Failure, Fate, UpstreamFailed
from gateway.upstream.ask import METADATA_PATH, STATUS_PATH, ask
from gateway.upstream.catalog import Catalog
from gateway.upstream.fanout import states_of, status_request
from gateway.upstream.pool import Upstream
from gateway.upstream.replica import AVAILABLE, Replica, VersionState
from gateway.wire.signature import metadata_request, signatures_from_metadata

NOT_FOUND = 5
DEADLINE_EXCEEDED = 4
DOWN_POLL_S = 0.2
CONCURRENT_QUESTIONS = 8
SLOW_ROUNDS_BEFORE_DOWN = 2

log = structlog.get_logger("upstream")


class Heard(enum.Enum):
    """What became of a question about one model."""

    STATES = "states"
    NO_MODEL = "no_model"
    NO_STATES = "no_states"  # it lives and said something else: an error of its own, or what can't be understood
    SLOW = "slow"
    UNREACHABLE = "unreachable"


# (upstream name, model): the versions AVAILABLE on one of its replicas changed.
Changed = Callable[[str, str], None]


class ReplicaWatch:
    """An owned task per replica: `run` until cancelled. `models` is shared and grows as models become known."""

    def __init__(
        self, upstream: Upstream, replica: Replica, models: Set[str], catalog: Catalog, changed: Changed
    ) -> None:
        self.replica = replica
        self._upstream = upstream
        self._models = models
        self._catalog = catalog
        self._changed = changed
        self.looked = asyncio.Event()  # set after the first look
        self._look = asyncio.Event()
        self._slow_rounds = 0
        self._told_up = False  # what the others were last told; a call may have found the replica dead since
        self._places = asyncio.Semaphore(CONCURRENT_QUESTIONS)
        replica.poke = self._look.set

    async def run(self) -> None:
        """Look, then wait for the interval or a poke, for ever."""
        while True:
            self._look.clear()
            await self.look()
            self.looked.set()
            interval_s = self._upstream.policy.status_poll_interval_s
            pause_s = interval_s if self.replica.up else min(interval_s, DOWN_POLL_S)
            try:
                await asyncio.wait_for(self._look.wait(), pause_s)
                await asyncio.sleep(min(0.02, pause_s))  # many pokes make one look
            except TimeoutError:
                continue

    async def look(self) -> None:
        """One round over all known models; with none known, a question that any model server answers with an error."""
        was_up = self.replica.up
        if self._told_up and not was_up:
            self._forget_signatures()
        heard = await asyncio.gather(*(self.ask_status(model) for model in sorted(self._models) or [""]))
        lost_meanwhile = was_up and not self.replica.up  # by a call: what was heard before may be true no more
        self._judge(heard, lost_meanwhile)
        if was_up and not self.replica.up:
            self._forget_signatures()
        if self._told_up != self.replica.up or was_up != self.replica.up:
            log.info("replica up" if self.replica.up else "replica down", replica=self.replica.address)
            self._told_up = self.replica.up
            for model in sorted(self._models):
                self._changed(self._upstream.name, model)
        self._upstream.place_waiting()

    def _judge(self, heard: list[Heard], lost_meanwhile: bool) -> None:
        """Up after a round with every question answered, down after silence; one slow round says nothing."""
        self._slow_rounds = self._slow_rounds + 1 if Heard.SLOW in heard else 0
        if Heard.UNREACHABLE in heard or self._slow_rounds >= SLOW_ROUNDS_BEFORE_DOWN:
            if self.replica.up:
                self.replica.lost()
        elif not self._slow_rounds and not lost_meanwhile:
            self.replica.up = True

    def _forget_signatures(self) -> None:
        """The replica went: its versions may come back with other content under the same numbers."""
        for model in self._models:
            self._catalog.keep_available(self._upstream.name, model, self._upstream.replicas)

    async def ask_status(self, model: str) -> Heard:
        """Learn one model's states, and the signatures of versions that are new."""
        async with self._places:
            try:
                reply = await ask(
                    self.replica, STATUS_PATH, status_request(model), self._upstream.policy.connect_timeout_s
                )
                states = states_of(reply)
            except UpstreamFailed as failure:
                return self._unanswered(model, failure)
            except (Failure, DecodeError) as error:
                log.warning("status not understood", replica=self.replica.address, model=model, error=str(error))
                return Heard.NO_STATES
            await self._fetch_signatures(model, states)
        self._learn(model, states)
        return Heard.STATES if states else Heard.NO_MODEL

    def _unanswered(self, model: str, failure: UpstreamFailed) -> Heard:
        if failure.fate is not Fate.ANSWERED:
            return Heard.UNREACHABLE
        if failure.code == DEADLINE_EXCEEDED:
            return Heard.SLOW
        if failure.code == NOT_FOUND and model:
            self._learn(model, {})
            return Heard.NO_MODEL
        return Heard.NO_STATES

    def _learn(self, model: str, states: dict[int, VersionState]) -> None:
        if self.replica.learn(model, states):
            self._catalog.keep_available(self._upstream.name, model, self._upstream.replicas)
            if self.replica.up:
                self._changed(self._upstream.name, model)

    async def _fetch_signatures(self, model: str, states: dict[int, VersionState]) -> None:
        """Before a version takes traffic, so that no call passes unchecked when it need not."""
        for version, state in states.items():
            if state.state != AVAILABLE or self._catalog.find(self._upstream.name, model, version) is not None:
                continue
            try:
                reply = await ask(
                    self.replica,
                    METADATA_PATH,
                    metadata_request(model, version),
                    self._upstream.policy.connect_timeout_s,
                )
                signatures = signatures_from_metadata(reply)
            except (Failure, DecodeError) as error:
                log.warning(
                    "no signatures", replica=self.replica.address, model=model, version=version, error=str(error)
                )
            else:
                self._catalog.put(self._upstream.name, model, version, signatures)
