"""Slots and the queue before them: nobody waits beside a free slot, nobody waits without end."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gateway.errors import Failure, NoReplica, Shed
from gateway.upstream.policy import UpstreamPolicy
from gateway.upstream.pool import Upstream
from gateway.upstream.replica import Replica
from tests.unit.gateway.upstream.fakes import make_replica, make_upstream


class Caller:
    """Waits for a slot and notes what it gets."""

    def __init__(
        self,
        model: str = "digits",
        version: int | None = 1,
        avoid: Replica | None = None,
        alone: bool = False,
        urgent: bool = False,
    ) -> None:
        self.model, self.version, self.avoid, self.alone, self.urgent = model, version, avoid, alone, urgent
        self.number, self.alive = 0, True
        self.placed: list[Replica] = []
        self.refused: list[Failure] = []
        self.then: Callable[[], None] = lambda: None

    def place(self, replica: Replica) -> None:
        self.placed.append(replica)
        self.then()

    def refuse(self, failure: Failure) -> None:
        self.refused.append(failure)

    def enter(self, upstream: Upstream) -> Caller:
        upstream.acquire(self)
        return self

    def leave(self, upstream: Upstream) -> None:
        upstream.release(self.placed[0], self.alone)


ONE_SLOT = UpstreamPolicy(max_in_flight_per_replica=1, max_queued_calls=2)


def test_a_call_runs_only_where_its_version_is() -> None:
    upstream = make_upstream(make_replica("a", [1])[0], make_replica("b", [2])[0])
    assert Caller(version=2).enter(upstream).placed[0].address == "b"


def test_the_longest_waiting_call_gets_the_slot_that_comes_free() -> None:
    upstream = make_upstream(make_replica("a")[0], policy=ONE_SLOT)
    first, second, third = (Caller().enter(upstream) for _ in range(3))
    assert (len(first.placed), len(second.placed), upstream.queued) == (1, 0, 2)
    first.leave(upstream)
    assert (len(second.placed), len(third.placed), upstream.queued) == (1, 0, 1)


def test_calls_beyond_the_queue_are_shed() -> None:
    upstream = make_upstream(make_replica("a")[0], policy=ONE_SLOT)
    callers = [Caller().enter(upstream) for _ in range(4)]
    assert isinstance(callers[3].refused[0], Shed)


def test_a_joined_call_passes_the_queue_even_a_full_one() -> None:
    upstream = make_upstream(make_replica("a")[0], policy=ONE_SLOT)
    first, second, third = (Caller().enter(upstream) for _ in range(3))
    joined = Caller(urgent=True).enter(upstream)
    assert not joined.refused
    first.leave(upstream)
    assert (len(joined.placed), len(second.placed)) == (1, 0)
    joined.leave(upstream)
    assert (len(second.placed), len(third.placed)) == (1, 0)


def test_calls_that_wait_alone_get_every_other_slot_however_many_joined_ones_wait() -> None:
    upstream = make_upstream(make_replica("a")[0], policy=UpstreamPolicy(1, 100))
    runs = Caller().enter(upstream)
    waiting = [Caller().enter(upstream) for _ in range(4)]
    order: list[bool] = []
    for _ in range(8):  # as many joined calls come as leave: some always wait
        waiting += [Caller(urgent=True).enter(upstream) for _ in range(2)]
        runs.leave(upstream)
        runs = next(caller for caller in waiting if caller.placed)
        waiting.remove(runs)
        order.append(runs.urgent)
    assert order == [True, False] * 4


def test_callers_that_left_make_room_in_a_full_queue_and_take_no_slot() -> None:
    upstream = make_upstream(make_replica("a")[0], policy=ONE_SLOT)
    first, second, third = (Caller().enter(upstream) for _ in range(3))
    second.alive = False
    fourth = Caller().enter(upstream)
    assert not fourth.refused
    first.leave(upstream)
    assert (len(second.placed), len(third.placed)) == (0, 1)


def test_a_version_that_nobody_has_is_refused_at_once_and_when_it_leaves_while_waiting() -> None:
    replica, _ = make_replica("a", [1])
    upstream = make_upstream(replica, policy=ONE_SLOT)
    assert isinstance(Caller(version=9).enter(upstream).refused[0], NoReplica)
    Caller().enter(upstream)
    waiting = Caller().enter(upstream)
    replica.forget("digits", 1)
    upstream.place_waiting()
    assert isinstance(waiting.refused[0], NoReplica)


def test_who_waits_for_a_busy_replica_does_not_hold_back_who_needs_another() -> None:
    old, new = make_replica("old", [1])[0], make_replica("new", [2])[0]
    upstream = make_upstream(old, new, policy=ONE_SLOT)
    Caller(version=1).enter(upstream)
    runs = Caller(version=2).enter(upstream)
    first_waiting, waiting = Caller(version=1).enter(upstream), Caller(version=2).enter(upstream)
    runs.leave(upstream)
    assert (len(first_waiting.placed), [replica.address for replica in waiting.placed]) == (0, ["new"])


def test_a_replica_that_failed_a_call_is_avoided_while_there_is_another() -> None:
    bad, good = make_replica("bad")[0], make_replica("good")[0]
    upstream = make_upstream(bad, good)
    assert {Caller(avoid=bad).enter(upstream).placed[0].address for _ in range(20)} == {"good"}
    good.up = False
    assert Caller(avoid=bad).enter(upstream).placed[0] is bad


def test_a_suspect_never_returns_to_where_it_failed_and_is_the_only_one_on_its_replica() -> None:
    dead, alive = make_replica("dead")[0], make_replica("alive")[0]
    upstream = make_upstream(dead, alive)
    first, second = (Caller(avoid=dead, alone=True).enter(upstream) for _ in range(2))
    assert ([r.address for r in first.placed], second.placed) == (["alive"], [])
    assert Caller().enter(upstream).placed  # others are not held up by suspects
    first.leave(upstream)
    assert [replica.address for replica in second.placed] == ["alive"]
    alive.up = False
    assert isinstance(Caller(avoid=dead, alone=True).enter(upstream).refused[0], NoReplica)


def test_many_calls_that_end_at_once_when_placed_need_no_deep_stack() -> None:
    upstream = make_upstream(make_replica("a")[0], policy=UpstreamPolicy(1, 5000))
    runs = Caller().enter(upstream)
    callers = [Caller() for _ in range(5000)]
    for caller in callers:
        caller.then = partial(caller.leave, upstream)
        caller.enter(upstream)
    runs.leave(upstream)
    assert (sum(len(caller.placed) for caller in callers), upstream.queued, upstream.replicas[0].in_flight) == (
        5000,
        0,
        0,
    )


def test_while_any_replica_that_would_do_has_a_free_slot_nobody_waits() -> None:
    names = [*"abcd"]
    replicas = [make_replica(name, [2] if name == "d" else [1])[0] for name in names]
    upstream = make_upstream(*replicas, policy=UpstreamPolicy(max_in_flight_per_replica=2))
    replicas[1].up = False
    callers = [Caller(version=1).enter(upstream) for _ in range(5)]
    assert sorted(replica.address for caller in callers for replica in caller.placed) == [*"aacc"]
    assert upstream.queued == 1
