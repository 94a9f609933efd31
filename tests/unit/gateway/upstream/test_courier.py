"""Who carries a message on, and who does not: retries, budgets, deaths, cancellations."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.call import Deadline
from gateway.errors import DeadlineExceeded, Failure, Fate, NoReplica, Shed, SuspectRefused, UpstreamFailed
from gateway.limits.retry_budget import RetryPolicy
from gateway.limits.suspects import SuspectPolicy, SuspectRules
from gateway.telemetry.counters import Counters
from gateway.upstream.courier import FULL_HOUSE, RESOURCE_EXHAUSTED, Courier, Errand
from gateway.upstream.policy import UpstreamPolicy
from gateway.upstream.pool import Upstream
from gateway.upstream.replica import Replica
from tests.unit.gateway.upstream.fakes import NOT_FOUND, UNAVAILABLE, FakeConnection, Sent, make_replica, make_upstream


@dataclass
class Delivery:
    """What came back for one errand."""

    reply: bytes | None = None
    failure: Failure | None = None
    times: int = 0


@dataclass
class Scene:
    """Three replicas, each with its connection, and a courier before them."""

    upstream: Upstream
    connections: dict[str, FakeConnection]
    courier: Courier = field(default_factory=lambda: Courier(SuspectRules(SuspectPolicy()), Counters()))

    def carry(self, fingerprint: str | None = "shape", deadline: Deadline | None = None) -> tuple[Errand, Delivery]:
        delivery = Delivery()

        def delivered(reply: bytes | None, failure: Failure | None, _replica: Replica | None) -> None:
            delivery.reply, delivery.failure, delivery.times = reply, failure, delivery.times + 1

        errand = Errand(
            self.upstream, "digits", 1, "/path", b"message", (("k", "v"),), deadline or Deadline(),
            None if fingerprint is None else lambda: fingerprint, delivered,
        )  # fmt: skip
        self.courier.carry(errand)
        return errand, delivery

    def sent(self) -> list[tuple[str, Sent]]:
        return [(address, entry) for address, connection in self.connections.items() for entry in connection.sent]

    def newest(self) -> tuple[str, Sent]:
        """The message sent last, where one more was sent than ended."""
        return self.sent()[-1]


def make_scene(names: str = "abc", policy: UpstreamPolicy | None = None) -> Scene:
    made = {name: make_replica(name) for name in names}
    upstream = make_upstream(*(replica for replica, _ in made.values()), policy=policy)
    return Scene(upstream, {name: connection for name, (_, connection) in made.items()})


def where(scene: Scene, known: set[int]) -> tuple[str, Sent]:
    """The one message that is new; remembered in `known`."""
    [(name, entry)] = [(name, entry) for name, entry in scene.sent() if id(entry) not in known]
    known.add(id(entry))
    return name, entry


def test_a_message_arrives_with_its_metadata_and_its_answer_comes_back_once() -> None:
    scene, known = make_scene(), set[int]()
    _, delivery = scene.carry()
    _, entry = where(scene, known)
    assert (entry.path, entry.message, entry.timeout_s, entry.metadata) == ("/path", b"message", None, (("k", "v"),))
    entry.answer(b"reply")
    assert (delivery.reply, delivery.failure, delivery.times) == (b"reply", None, 1)
    assert all(replica.in_flight == 0 for replica in scene.upstream.replicas)


def test_a_full_house_and_an_unreachable_replica_send_it_elsewhere() -> None:
    scene, known = make_scene(), set[int]()
    _, delivery = scene.carry()
    first, entry = where(scene, known)
    entry.fail(RESOURCE_EXHAUSTED, FULL_HOUSE)
    second, entry = where(scene, known)
    entry.fail(fate=Fate.REFUSED)
    third, entry = where(scene, known)
    assert first != second != third
    entry.answer()
    assert delivery.reply == b"ok"
    assert scene.courier.counters.retries.series == {("pool", "answered"): 1, ("pool", "refused"): 1}


def test_no_more_attempts_than_the_policy_allows() -> None:
    scene, known = make_scene(policy=UpstreamPolicy(retry=RetryPolicy(max_attempts=2))), set[int]()
    _, delivery = scene.carry()
    for _ in range(2):
        where(scene, known)[1].fail(text="busy")
    assert isinstance(delivery.failure, UpstreamFailed)
    assert (delivery.failure.message, len(scene.sent())) == ("busy", 2)


def test_without_budget_the_first_failure_is_the_answer() -> None:
    scene, known = make_scene(policy=UpstreamPolicy(retry=RetryPolicy(0, 0))), set[int]()
    _, delivery = scene.carry()
    where(scene, known)[1].fail()
    assert delivery.times == 1


def test_other_errors_would_fail_elsewhere_too() -> None:
    for code, text in ((NOT_FOUND, "Servable not found"), (RESOURCE_EXHAUSTED, "out of memory"), (3, "wrong")):
        scene, known = make_scene(), set[int]()
        _, delivery = scene.carry()
        where(scene, known)[1].fail(code, text)
        assert isinstance(delivery.failure, UpstreamFailed)
        assert (delivery.failure.code, len(scene.sent())) == (code, 1)


def test_an_expired_message_is_not_sent() -> None:
    scene = make_scene()
    _, delivery = scene.carry(deadline=Deadline(1))
    assert isinstance(delivery.failure, DeadlineExceeded)
    assert scene.sent() == []
    assert all(replica.in_flight == 0 for replica in scene.upstream.replicas)


def test_a_suspect_gets_one_more_chance_alone_and_is_then_refused_and_its_shape_blocked() -> None:
    scene, known = make_scene(), set[int]()
    _, delivery = scene.carry("shape")
    first, entry = where(scene, known)
    entry.die()
    second, entry = where(scene, known)
    assert second != first
    assert sum(replica.suspects_out for replica in scene.upstream.replicas) == 1
    entry.die()
    assert isinstance(delivery.failure, SuspectRefused)
    assert (delivery.times, len(scene.sent())) == (1, 2)
    assert scene.courier.rules.is_blocked("shape", 0)
    assert scene.courier.counters.suspects.series == {("retried",): 1, ("blocked",): 1}


def test_a_suspect_that_is_answered_was_innocent() -> None:
    scene, known = make_scene(), set[int]()
    _, delivery = scene.carry()
    where(scene, known)[1].die()
    where(scene, known)[1].answer()
    assert delivery.reply == b"ok"
    assert scene.courier.counters.suspects.series == {("retried",): 1, ("answered",): 1}


def test_a_death_takes_the_replica_out_of_service_at_once() -> None:
    scene, known = make_scene(), set[int]()
    scene.carry()
    name, entry = where(scene, known)
    entry.die()
    assert [replica.address for replica in scene.upstream.replicas if not replica.up] == [name]


def test_a_message_without_known_signature_is_never_carried_past_a_death() -> None:
    scene, known = make_scene(), set[int]()
    _, delivery = scene.carry(None)
    where(scene, known)[1].die()
    assert isinstance(delivery.failure, UpstreamFailed)
    assert (delivery.failure.code, delivery.failure.fate, len(scene.sent())) == (UNAVAILABLE, Fate.LOST, 1)


def test_with_no_other_replica_a_suspect_is_not_tried_again() -> None:
    scene, known = make_scene("a"), set[int]()
    _, delivery = scene.carry()
    where(scene, known)[1].die()
    assert isinstance(delivery.failure, NoReplica)
    assert len(scene.sent()) == 1


def test_deaths_go_with_a_call_that_is_carried_anew() -> None:
    """A journey that was sent elsewhere makes a new errand; it may not begin with a clean record."""
    scene, known = make_scene(), set[int]()
    errand, delivery = scene.carry()
    where(scene, known)[1].answer()
    errand.deaths, errand.died = 1, scene.upstream.replicas[0]
    scene.courier.carry(errand)
    name, entry = where(scene, known)
    assert name != "a"
    assert sum(replica.suspects_out for replica in scene.upstream.replicas) == 1
    entry.die()
    assert isinstance(delivery.failure, SuspectRefused)


def test_a_member_of_a_join_that_died_goes_on_as_a_suspect() -> None:
    scene, known = make_scene(), set[int]()
    errand, delivery = scene.carry()
    where(scene, known)[1].answer()
    scene.courier.carry_suspect(errand, scene.upstream.replicas[1])
    name, entry = where(scene, known)
    assert name != "b"
    entry.answer(b"alone")
    assert (delivery.reply, errand.deaths) == (b"alone", 1)


def test_a_call_for_which_the_queue_has_no_place_is_counted_as_shed() -> None:
    scene = make_scene("a", policy=UpstreamPolicy(max_in_flight_per_replica=1, max_queued_calls=1))
    deliveries = [scene.carry()[1] for _ in range(3)]
    assert isinstance(deliveries[2].failure, Shed)
    assert scene.courier.counters.shed.series == {("replica_queue",): 1}
    unserved, _ = make_replica("b", [2])
    scene.upstream.replicas[:] = [unserved]
    assert isinstance(scene.carry()[1].failure, NoReplica)
    assert scene.courier.counters.shed.series == {("replica_queue",): 1}


def test_a_caller_that_leaves_calls_its_message_back_from_replica_and_queue() -> None:
    scene = make_scene("a", policy=UpstreamPolicy(max_in_flight_per_replica=1))
    running, _ = scene.carry()
    waiting, delivery = scene.carry()
    scene.courier.cancel(waiting)
    scene.courier.cancel(running)
    assert scene.sent()[0][1].cancelled
    assert (len(scene.sent()), delivery.times, scene.upstream.replicas[0].in_flight) == (1, 0, 0)
