"""Promises of batching/split.py that its transcript does not show (tests/scenarios/batching_splitting.txt)."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.batching.counters import BatchCounters
from gateway.batching.desk import Desk
from gateway.batching.key import LaneKey
from gateway.batching.member import Member
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.batching.ports import CallBack, Done
from gateway.batching.proof import Finding
from gateway.batching.split import Split, piece_sizes
from gateway.call import Deadline, Message
from gateway.errors import Failure
from tests.unit.gateway.batching.members import lane_key, member
from tests.unit.gateway.batching.stage import Stage


def never_sent(key: LaneKey, message: Message, deadline: Deadline, done: Done) -> CallBack | None:
    raise AssertionError("nothing is sent here")


def test_pieces_are_as_large_as_one_joined_call_may_be() -> None:
    policy = BatchPolicy(max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=4)
    assert piece_sizes(10, 40, policy) == [4, 4, 2]
    assert piece_sizes(8, 32, policy) == [4, 4]


def test_pieces_keep_the_cap_in_bytes_where_a_row_does() -> None:
    policy = BatchPolicy(max_batch_size=8, max_batch_bytes=100, enable_large_batch_splitting=True)
    assert piece_sizes(9, 9 * 40, policy) == [2, 2, 2, 2, 1]
    assert piece_sizes(3, 3 * 400, policy) == [1, 1, 1]


@given(st.integers(1, 10_000), st.integers(0, 10**7), st.integers(1, 512), st.integers(1, 10**6))
def test_all_rows_are_in_pieces_and_no_piece_is_over_a_cap(rows: int, nbytes: int, most: int, most_bytes: int) -> None:
    sizes = piece_sizes(rows, nbytes, BatchPolicy(max_batch_size=most, max_batch_bytes=most_bytes))
    assert sum(sizes) == rows
    assert max(sizes) <= most
    assert max(sizes) == 1 or max(sizes) * nbytes <= most_bytes * rows


def test_answers_that_do_not_go_together_are_the_servers_matter_alone() -> None:
    """The request runs as it came, once."""
    alone: list[Member] = []

    def fall_back(key: LaneKey, member: Member, failure: Failure | None) -> None:
        alone.append(member)

    counters = BatchCounters()
    desk = Desk(never_sent, fall_back, lambda model: BatchPolicy(), counters, lambda: 0)
    request = member(1, 2, 3)
    split = Split(desk, lane_key(), request, [2, 1])
    pieces = split.pieces
    for piece in pieces:
        piece.reply(b"no reply of Predict")
    for piece in pieces:
        assert not desk.run_alone(lane_key(), piece, None)
    assert (alone, counters.of("digits", 7).joins_uncut) == ([request], 1)


def split_stage() -> Stage:
    """One caller's three rows are under way: two of them, and one that waits for the slot."""
    stage = Stage(BatchPolicy(mode=BatchMode.ON, max_batch_size=2, enable_large_batch_splitting=True))
    stage.offer("large", [1, 2, 3])
    stage.loop.turn()
    return stage


def test_all_pieces_answers_are_one_answer() -> None:
    stage = split_stage()
    for number in (1, 2):
        stage.answer(number)
        stage.loop.turn()
    assert stage.events == ["send 1 x=1,2", "send 2 x=3", "large gets y=10,20,30"]


def test_pieces_go_with_their_caller_wherever_they_are() -> None:
    stage = split_stage()
    stage.calls["large"].abandon()
    assert stage.events == ["send 1 x=1,2", "call back 1"]
    assert not stage.batcher.busy()


def test_a_last_answer_after_the_end_is_nobodys() -> None:
    request = member(1, 2)
    desk = Desk(never_sent, lambda key, member, failure: None, lambda model: BatchPolicy(), BatchCounters(), lambda: 0)
    split = Split(desk, lane_key(), request, [1, 1])
    pieces = split.pieces
    assert split.give_up() is request
    for piece in pieces:
        piece.reply(b"")
    assert not request.call.ended


def test_pieces_whose_proof_was_forgotten_run_as_they_came_though_equal_rows_are_proved_since() -> None:
    policy = BatchPolicy(mode=BatchMode.AUTO, max_batch_size=2, enable_large_batch_splitting=True)
    stage = Stage(policy)
    stage.offer("busy", [9], lane=2)
    ((_, proof),) = stage.batcher.proofs()
    for _ in range(3):
        proof.learn(Finding.SAME, True, "")
    stage.loop.turn()
    stage.offer("large", [1, 1, 1, 1])
    stage.batcher.forget("pool", "digits", frozenset({7}))
    stage.offer("after", [9], lane=3)
    ((_, fresh),) = stage.batcher.proofs()
    for _ in range(3):
        fresh.learn(Finding.SAME, False, "")
    stage.slots = 3
    stage.loop.turn()
    assert "large runs alone: None" in stage.take_events().split("\n")
