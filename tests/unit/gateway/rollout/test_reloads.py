"""The book of reloads: each replica takes the newest configuration, one send at a time."""

from __future__ import annotations

import pytest

from gateway.errors import Fate, NoReplica, UpstreamFailed
from gateway.rollout.events import Standing
from gateway.rollout.reloads import RETRY_AFTER_US, ReloadBook


def failed(code: int) -> UpstreamFailed:
    return UpstreamFailed(code, "words", Fate.ANSWERED)


def test_nothing_is_due_before_the_first_configuration() -> None:
    book = ReloadBook()
    assert book.take_due(["a"], 0) == []
    assert book.standing("a") == (Standing.ACKED, "")


def test_a_replica_is_sent_to_once_and_has_it_when_it_said_so() -> None:
    book = ReloadBook()
    book.publish(b"1")
    assert book.take_due(["a", "b"], 0) == ["a", "b"]
    assert book.take_due(["a", "b"], 0) == []
    assert book.standing("a") == (Standing.PENDING, "")
    book.ended("a", None, 0)
    assert book.standing("a") == (Standing.ACKED, "")
    assert not book.settled(["a", "b"])
    book.ended("b", failed(9), 0)
    assert book.settled(["a", "b"])


@pytest.mark.parametrize("failure", [failed(14), failed(4), NoReplica("words")])
def test_a_replica_that_could_not_be_reached_is_tried_again_later(failure: UpstreamFailed | NoReplica) -> None:
    book = ReloadBook()
    book.publish(b"1")
    book.take_due(["a"], 0)
    book.ended("a", failure, 5)
    assert book.standing("a") == (Standing.PENDING, "words")
    assert book.take_due(["a"], 4 + RETRY_AFTER_US) == []
    assert book.take_due(["a"], 5 + RETRY_AFTER_US) == ["a"]


def test_a_refusal_stands_until_the_next_configuration() -> None:
    book = ReloadBook()
    book.publish(b"1")
    book.take_due(["a"], 0)
    book.ended("a", failed(3), 0)
    assert book.standing("a") == (Standing.REFUSED, "words")
    assert book.take_due(["a"], 10 * RETRY_AFTER_US) == []
    book.publish(b"2")
    assert book.standing("a")[0] is Standing.PENDING
    assert book.take_due(["a"], 0) == ["a"]


def test_a_newer_configuration_waits_for_the_older_send_to_end() -> None:
    book = ReloadBook()
    book.publish(b"1")
    book.take_due(["a"], 0)
    book.publish(b"2")
    assert book.take_due(["a"], 0) == []
    book.ended("a", None, 0)
    assert book.standing("a") == (Standing.PENDING, "")
    assert (book.take_due(["a"], 0), book.request) == (["a"], b"2")
