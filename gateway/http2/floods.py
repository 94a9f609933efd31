"""Frames that cost us work and their sender nothing: a bucket for each kind, refilled by time and by calls."""

from __future__ import annotations

from gateway.http2.errors import ConnectionFault, ErrorCode

PER_CALL = 4  # gRPC's C-core sends up to two WINDOW_UPDATEs and a PING with a call; Envoy allows ten a DATA frame


class Bucket:
    """At most `burst` at once, `per_s` in the long run, and PER_CALL more for each of `calls`."""

    __slots__ = ("_at_us", "_burst", "_name", "_per_s", "_tokens", "calls")

    def __init__(self, name: str, burst: int, per_s: float) -> None:
        self._name = name
        self._burst = burst
        self._per_s = per_s
        self._tokens = float(burst)
        self._at_us = 0
        self.calls = 0  # that were served since it was last empty

    def take(self, now_us: int) -> None:
        """Count one. Raises: ConnectionFault (ENHANCE_YOUR_CALM) beyond the bound."""
        if self._tokens < 1:
            earned = (now_us - self._at_us) / 1e6 * self._per_s + self.calls * PER_CALL
            self.calls = 0
            self._tokens = min(float(self._burst), self._tokens + earned)
            self._at_us = now_us
            if self._tokens < 1:
                raise ConnectionFault(ErrorCode.ENHANCE_YOUR_CALM, f"too many {self._name}")
        elif self._tokens >= self._burst:
            self._at_us = now_us  # full until now: time earns from here on
        self._tokens -= 1
