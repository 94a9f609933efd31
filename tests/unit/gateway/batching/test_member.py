"""Promises of batching/member.py: outcomes go to the caller, a piece's answer to its whole; leaving is told once."""

from __future__ import annotations

from gateway.batching.member import Member, differ
from gateway.call import Call, Deadline, Headers
from gateway.errors import Failure, Shed
from tests.unit.gateway.batching.members import COLUMN, member

HEADERS: Headers = (("tidegate-version", "7"),)


class Place:
    """Hears who left."""

    def __init__(self) -> None:
        self.dropped: list[tuple[Member, bool]] = []

    def drop(self, member: Member, cancelled: bool) -> None:
        self.dropped.append((member, cancelled))


class Request:
    """Hears its pieces' answers."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, bytes]] = []

    def piece_answered(self, index: int, reply: bytes) -> None:
        self.answers.append((index, reply))

    def give_up(self) -> Member | None:
        raise AssertionError("nobody asks")


def test_its_outcome_is_its_callers_with_the_headers_of_its_arm() -> None:
    outcomes: list[tuple[bytes | None, Failure | None, Headers]] = []
    failure = Shed("full")
    for end in ("reply", "fail"):
        call = Call("Predict", b"", (), Deadline(5), 0, lambda *outcome: outcomes.append(outcome))
        made = Member(call, (b"",), COLUMN, 1, 4, HEADERS)
        assert made.deadline_us == 5
        made.reply(b"answer") if end == "reply" else made.fail(failure)
    assert outcomes == [(b"answer", None, HEADERS), (None, failure, HEADERS)]


def test_a_pieces_answer_is_for_its_whole() -> None:
    piece, request = member(1), Request()
    piece.whole, piece.index = request, 3
    piece.reply(b"answer")
    assert (request.answers, piece.call.ended) == ([(3, b"answer")], False)


def test_whoever_has_it_hears_once_that_its_caller_left() -> None:
    entry, place = member(1), Place()
    entry.left()
    entry.holder = place
    entry.left()
    entry.left()
    assert place.dropped == [(entry, True)]


def test_members_differ_by_values_or_by_lengths() -> None:
    wider = member(1)
    wider.features = (("x", 1, (2,)),)
    assert not differ(member(1), member(1))
    assert differ(member(1), member(2))
    assert differ(member(1), wider)
