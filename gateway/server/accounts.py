"""Counts every call that ended, whichever transport brought it."""

from __future__ import annotations

from gateway.call import Call, monotonic_us
from gateway.server.status import Code
from gateway.telemetry.counters import Counters
from gateway.telemetry.names import UNKNOWN_MODEL


def count_ended(counters: Counters, call: Call, code: Code) -> None:
    """`call.model` is set only once the gateway knows the model: a client's inventions become no labels."""
    version = call.version if call.model else None
    counters.request_ended(
        call.model or UNKNOWN_MODEL, call.method, call.arm, version, code.name, monotonic_us() - call.started_us
    )
