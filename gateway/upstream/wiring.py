"""What all connections of our own transport towards replicas share in a process."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, replace

from gateway.http2.bounds import Bounds, Buffers
from gateway.http2.shell.flusher import Flusher

KEEPALIVE_S, KEEPALIVE_TIMEOUT_S = 20.0, 5.0  # what the gateway gave gRPC's C-core


@dataclass(frozen=True)
class Wiring:
    """Bounds, buffers and counts; who writes; chance."""

    bounds: Bounds
    buffers: Buffers
    refused: Counter[str]
    flusher: Flusher
    chance: random.Random

    @classmethod
    def make(cls, bounds: Bounds, buffers: Buffers, refused: Counter[str], chance: random.Random) -> Wiring:
        """For the running loop. Replicas are polled all the time, so silence says much sooner that one is gone."""
        keepalive_s = KEEPALIVE_S if bounds.keepalive_s is None else min(KEEPALIVE_S, bounds.keepalive_s)
        timeout_s = min(KEEPALIVE_TIMEOUT_S, bounds.keepalive_timeout_s)
        mine = replace(bounds, keepalive_s=keepalive_s, keepalive_timeout_s=timeout_s)
        return cls(mine, buffers, refused, Flusher(asyncio.get_running_loop()), chance)
