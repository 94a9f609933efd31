"""Frames that cost us work and their sender nothing: a bucket for each kind, refilled by time, calls, DATA we sent."""

from __future__ import annotations

from gateway.http2.errors import ConnectionFault, ErrorCode

PER_CALL = 4  # gRPC's C-core sends up to two WINDOW_UPDATEs and a PING with a call; Envoy allows ten a DATA frame
MAX_CREDIT_BYTES = 32 * 1024 * 1024  # two windows as large as gRPC makes them


class Bucket:
    """At most `burst` at once, `per_s` in the long run, and `per_call` more for each of `calls`."""

    __slots__ = ("_at_us", "_burst", "_name", "_per_call", "_per_s", "_tokens", "calls")

    def __init__(self, name: str, burst: int, per_s: float, per_call: int = PER_CALL) -> None:
        self._name = name
        self._burst = burst
        self._per_s = per_s
        self._per_call = per_call
        self._tokens = float(burst)
        self._at_us = 0
        self.calls = 0  # that were served since it was last empty

    def take(self, now_us: int) -> None:
        """Count one. Raises: ConnectionFault (ENHANCE_YOUR_CALM) beyond the bound."""
        if self._tokens < 1:
            earned = (now_us - self._at_us) / 1e6 * self._per_s + self.calls * self._per_call
            self.calls = 0
            self._tokens = min(float(self._burst), self._tokens + earned)
            self._at_us = now_us
            if self._tokens < 1:
                raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, f"too many {self._name}")
        elif self._tokens >= self._burst:
            self._at_us = now_us  # full until now: time earns from here on
        self._tokens -= 1


class Updates:
    """WINDOW_UPDATEs: DATA that we sent pays for large ones, all others count as `controls`."""

    __slots__ = ("_controls", "_credit", "_least", "_moved")

    def __init__(self, controls: Bucket, min_bytes: int) -> None:
        self._controls = controls
        self._least = min_bytes
        self._credit = 0
        self._moved = 0  # of the outbox, when it was last looked at

    def take(self, increment: int, moved: int, now_us: int) -> None:
        """Count one on an open stream or the connection; `moved` is all DATA sent so far. Raises: ConnectionFault."""
        self._credit = min(MAX_CREDIT_BYTES, self._credit + 2 * (moved - self._moved))  # the stream's and all streams'
        self._moved = moved
        if increment >= self._least and self._credit >= self._least:
            self._credit -= self._least
        else:
            self._controls.take(now_us)
