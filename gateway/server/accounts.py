"""Counts every call that ended, whichever transport brought it."""

from __future__ import annotations

from gateway.call import Call, monotonic_us
from gateway.errors import Failure
from gateway.server.status import Code
from gateway.telemetry.counters import Counters
from gateway.telemetry.names import JUDGED_ERROR, JUDGED_OK, UNKNOWN_MODEL


def count_ended(counters: Counters, call: Call, code: Code, failure: Failure | None = None) -> None:
    """`call.model` is set only once the gateway knows the model: a client's inventions become no labels.

    `failure`: what the call ended with; None for an answer, and where the client left or its time ran out.
    """
    version = call.version if call.model else None
    counters.request_ended(
        call.model or UNKNOWN_MODEL, call.method, call.arm, version, code.name, monotonic_us() - call.started_us
    )
    against = code is Code.DEADLINE_EXCEEDED if failure is None else failure.against_version
    if call.model and (code is Code.OK or against):
        outcome = JUDGED_ERROR if against else JUDGED_OK
        counters.judged_calls.add((call.model, call.arm, "" if version is None else str(version), outcome))
