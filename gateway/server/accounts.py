"""Counts every call that ended, whichever transport brought it."""

from __future__ import annotations

from gateway.call import Call
from gateway.errors import Failure
from gateway.server.status import Code
from gateway.telemetry.counters import Counters
from gateway.telemetry.names import JUDGED_ERROR, JUDGED_OK, UNKNOWN_MODEL

_OK = Code.OK


def count_ended(counters: Counters, call: Call, code: Code, failure: Failure | None = None) -> None:
    """`call.model` is set only once the gateway knows the model: a client's inventions become no labels.

    `failure`: what the call ended with; None for an answer, and where the client left or its time ran out.
    """
    model, elapsed_us = call.model, call.ended_us - call.started_us
    if not model:
        counters.request_ended(UNKNOWN_MODEL, call.method, call.arm, None, code.name, elapsed_us)
        return
    outcome = None
    if code is Code.DEADLINE_EXCEEDED if failure is None else failure.against_version:
        outcome = JUDGED_ERROR
    elif code is _OK:
        outcome = JUDGED_OK
    name = "OK" if code is _OK else code.name  # the property costs more than all of this
    counters.request_ended(model, call.method, call.arm, call.version, name, elapsed_us, outcome)
