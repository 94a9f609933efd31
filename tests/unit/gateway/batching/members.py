"""Members for the tests of lanes and windows: one float32 input `x` of (rows, 1)."""

from __future__ import annotations

import struct

from gateway.batching.key import LaneKey
from gateway.batching.lane import Member
from gateway.call import NEVER_US, Call, Deadline
from gateway.wire.tensor import RawTensor


def lane_key(features: int = 1, model: str = "digits") -> LaneKey:
    return LaneKey("pool", model, 7, "serving_default", (), (("x", 1, (features,)),))


def member(*rows: float, deadline_us: int = NEVER_US) -> Member:
    call = Call("Predict", b"", (), Deadline(deadline_us), 0, lambda message, failure, headers: None)
    tensor = RawTensor(1, (len(rows), 1), struct.pack(f"<{len(rows)}f", *rows))
    return Member(call, {"x": tensor}, len(rows), len(tensor.data))
