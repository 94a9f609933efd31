"""Where every call's story begins: admitted or shed, told apart by method, routed by its model spec."""

from __future__ import annotations

from functools import partial

from gateway.call import Call
from gateway.errors import NotAllowed, Shed, UnknownMethod
from gateway.predict.context import Context
from gateway.predict.fanout import Statuses, reload_everywhere
from gateway.predict.find import with_route
from gateway.predict.guard import guard, unknown_servable
from gateway.predict.journey import Journey
from gateway.wire.spec import SpecView, peek

ROUTED = frozenset({"Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata"})


class Handler:
    """Takes a Call from any transport and ends it, sooner or later, exactly once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._statuses = Statuses(context)

    def __call__(self, call: Call) -> None:
        context = self._context
        if not context.admission.admit():
            context.counters.shed.add(("max_concurrent_calls",))
            call.fail(Shed(f"{context.admission.limit} calls are unfinished already; try again later"))
            return
        call.on_end(context.admission.release)
        guard(call, partial(self._begin, call))

    def _begin(self, call: Call) -> None:
        if call.method in ROUTED:
            self._route(call, peek(call.method, call.message))
        elif call.method == "GetModelStatus":
            self._statuses.answer(call, peek(call.method, call.message))
        elif call.method == "HandleReloadConfigRequest":
            if not self._context.allow_reload_config:
                raise NotAllowed(
                    "HandleReloadConfigRequest is closed on the client port; use `tidegate rollout`, or set "
                    "server.allow_reload_config"
                )
            reload_everywhere(self._context, call)
        else:
            raise UnknownMethod(f"Method not found: {call.method}")

    def _route(self, call: Call, view: SpecView) -> None:
        def start() -> None:
            Journey(self._context, call, view).start()

        with_route(self._context, call, view.name, start, partial(unknown_servable, view))
