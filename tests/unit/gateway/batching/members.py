"""Members for the tests of lanes and windows: one float32 input `x` of (rows, 1)."""

from __future__ import annotations

import struct

from gateway.batching.counters import BatchCounters
from gateway.batching.key import LaneKey
from gateway.batching.lane import Lane
from gateway.batching.member import Member
from gateway.batching.policy import BatchPolicy
from gateway.batching.proof import Proof
from gateway.batching.window import Window
from gateway.call import NEVER_US, Call, Deadline
from gateway.wire.tensor import Features

POLICY = BatchPolicy()

FLOAT = 1
COLUMN: Features = (("x", FLOAT, (1,)),)


def lane_key(features: int = 1, model: str = "digits") -> LaneKey:
    return LaneKey("pool", model, 7, "serving_default", (), (("x", FLOAT, (features,)),))


def member(*rows: float, deadline_us: int = NEVER_US) -> Member:
    call = Call("Predict", b"", (), Deadline(deadline_us), 0, lambda message, failure, headers: None)
    values = struct.pack(f"<{len(rows)}f", *rows)
    return Member(call, (values,), COLUMN, len(rows), len(values))


def lane_in(window: Window, features: int = 1, policy: BatchPolicy | None = None, model: str = "digits") -> Lane:
    """The window's lane of this key, or a new one that is not in it yet."""
    key = lane_key(features, model)
    found = window.find(key)
    if found is not None:
        return found
    return Lane(key, policy or BatchPolicy(), BatchCounters().of(model, 7), Proof(), window)


def add(window: Window, entry: Member, features: int = 1, policy: BatchPolicy = POLICY, now_us: int = 0) -> Lane:
    lane = lane_in(window, features, policy)
    window.add(lane, entry, now_us)
    return lane


def due(window: Window, now_us: int = 0, slots: int = 1) -> Lane:
    lane = window.next_lane(now_us, slots)
    assert lane is not None
    return lane
