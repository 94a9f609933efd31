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
    except Failure as failure:
        call.fail(failure, call.headers)
    except Exception:  # the edge of the hot path: a bug may cost its own call, never the process
        log.exception("a call failed inside the gateway", method=call.method)
        call.fail(Internal("internal error of the gateway; its log has the details"), call.headers)


def unknown_servable(view: SpecView) -> Failure:
    """What TensorFlow Serving says for a model that it doesn't have: a label is looked up before the model."""
    if view.label is not None:
        return InvalidRequest(f"Unrecognized servable version label: {view.label}")
    return UnknownServable(view.name, view.version)
