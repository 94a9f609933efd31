"""Where every call's story begins: admitted or shed, told apart by method, routed by its model spec."""

from __future__ import annotations

from functools import partial

from gateway.call import Call
from gateway.errors import NotAllowed, Shed, UnknownMethod
from gateway.predict.context import Context
from gateway.predict.fanout import Statuses, reload_everywhere
from gateway.predict.find import search
from gateway.predict.guard import end_by, unknown_servable
from gateway.predict.journey import PATHS, Journey
from gateway.wire.forms import Forms
from gateway.wire.spec import SpecView, peek


class Handler:
    """Takes a Call from any transport and ends it, sooner or later, exactly once."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._statuses = Statuses(context)
        self._forms = Forms()

    def __call__(self, call: Call) -> None:
        admission = self._context.admission
        if not admission.admit():
            self._context.counters.shed.add(("max_concurrent_calls",))
            call.fail(Shed(f"{admission.limit} calls are unfinished already; try again later"))
            return
        call.on_end(admission.release)
        try:
            if call.method == "Predict":
                self._route(call, self._forms.peek(call.message))
            else:
                self._begin(call)
        except Exception as error:  # noqa: BLE001 - as in `guard`, without a call in between
            end_by(call, error)

    def _begin(self, call: Call) -> None:
        if call.method in PATHS:
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
        context = self._context
        if view.name in context.table.models:
            Journey(context, call, view).start()
        else:
            search(context, call, view.name, partial(self._route, call, view), partial(unknown_servable, view))
