"""The one request that carries all members of a batch."""

from __future__ import annotations

from gateway.batching.lane import Lane
from gateway.batching.member import Member, lengths_differ
from gateway.batching.policy import BatchPolicy
from gateway.batching.widen import widened
from gateway.call import Message
from gateway.wire.join import join_request
from gateway.wire.pad import pad_values, widest
from gateway.wire.rows import last_row_bytes


def need_widening(members: list[Member]) -> bool:
    """Whether their lengths differ. They do only in lanes that pad, or did when they were offered."""
    first = members[0]
    for member in members:  # noqa: SIM110 -- a generator costs more
        if lengths_differ(first, member):
            return True
    return False


def padding_rows(policy: BatchPolicy, members: list[Member], rows: int) -> int:
    """How many copies of the last row to add to all `rows`: none where they would be more than a batch may hold."""
    wanted = policy.padding_rows(rows)
    if not wanted:
        return 0
    last, features = members[-1], members[-1].features
    values = last.values
    if need_widening(members):
        features = widest([member.features for member in members])
        values = pad_values(last.features, features, values, last.rows)
    return wanted if wanted * last_row_bytes(features, values, last.rows) <= policy.max_batch_bytes else 0


def joined_message(lane: Lane, members: list[Member], rows: list[int], padding_rows: int) -> Message:
    """`rows` are the members' own, in order; `padding_rows` copies of the last one follow."""
    key = lane.key
    if need_widening(members):
        features, values = widened(members)
    else:
        features, values = members[0].features, [member.values for member in members]
    return join_request(
        key.model, key.version, key.signature_name, key.output_filter, features, values, rows, padding_rows
    )
