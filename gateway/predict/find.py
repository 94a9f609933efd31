"""Looks for a model that the route table doesn't have, by asking the default upstream's replicas."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gateway.call import Call
from gateway.errors import Failure, NoReplica, Shed
from gateway.predict.context import Context
from gateway.predict.guard import guard
from gateway.upstream.pool import Upstream


def search(context: Context, call: Call, model: str, go_on: Callable[[], None], unknown: Callable[[], Failure]) -> None:
    """Run `go_on` later, if the table has the model then. Raises: `unknown()` where no upstream can have it."""
    table = context.table
    if table.default_upstream is None:
        raise unknown()
    if not context.upstreams[table.default_upstream].up:
        raise none_up(context.upstreams[table.default_upstream])
    found = partial(_found, context, call, model, go_on, unknown)
    context.refresh(table.default_upstream, model, lambda doubt: guard(call, partial(found, doubt)))


def _found(
    context: Context,
    call: Call,
    model: str,
    go_on: Callable[[], None],
    unknown: Callable[[], Failure],
    doubt: Failure | None,
) -> None:
    """The replicas were asked; app has put the model into the table if it is there."""
    if call.ended:
        return
    if model in context.table.models:
        go_on()
        return
    if isinstance(doubt, Shed):
        context.counters.shed.add(("model_searches",))
    raise doubt or unknown()


def none_up(upstream: Upstream) -> NoReplica:
    """What is said while an upstream is all down: unavailable, not unknown."""
    return NoReplica(f'upstream "{upstream.name}": none of its {len(upstream.replicas)} replicas is up')
