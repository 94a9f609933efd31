"""What a step of a call's story may raise, and how the call is told."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from gateway.call import Call
from gateway.errors import Failure, Internal, InvalidRequest, UnknownServable
from gateway.wire.spec import SpecView

log = structlog.get_logger("predict")


def guard(call: Call, step: Callable[[], None]) -> None:
    """Take a step; whatever it raises ends the call, with the headers of the arm it was routed to, if it was."""
    try:
        step()
    except Exception as error:  # noqa: BLE001 - the edge of the hot path: a bug may cost its own call, never the process
        end_by(call, error)


def end_by(call: Call, error: Exception) -> None:
    """End the call by what a step of its story raised."""
    if not isinstance(error, Failure):
        log.error("a call failed inside the gateway", method=call.method, exc_info=error)
        error = Internal("internal error of the gateway; its log has the details")
    call.fail(error, call.headers)


def unknown_servable(view: SpecView) -> Failure:
    """What TensorFlow Serving says for a model that it doesn't have: a label is looked up before the model."""
    if view.label is not None:
        return InvalidRequest(f"Unrecognized servable version label: {view.label}")
    return UnknownServable(view.name, view.version)
