"""Calls that concern every replica: model status, merged, and the reload of a configuration where it is allowed."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import DecodeError

from gateway.call import Call, monotonic_us
from gateway.errors import Failure, NoReplica, NotAllowed, UnknownModel
from gateway.predict.context import Context, forwarded
from gateway.upstream.ask import RELOAD_PATH, STATUS_PATH
from gateway.upstream.fanout import merge_statuses
from gateway.upstream.pool import Upstream
from gateway.wire.spec import SpecView
from protos.stubs.tidegate.wire.v1 import management_pb2

# (replies, failures) of all replicas that are up.
Collected = Callable[[list[bytes], list[Failure]], None]


def status_everywhere(context: Context, call: Call, view: SpecView) -> None:
    """GetModelStatus of all replicas as one. Raises: UnknownModel when no upstream can have it."""
    route = context.table.models.get(view.name)
    name = route.upstream if route is not None else context.table.default_upstream
    if name is None:
        raise UnknownModel(view.name, view.version)
    if route is not None:
        call.model = view.name

    def collected(replies: list[bytes], failures: list[Failure]) -> None:
        if not replies:
            call.fail(failures[0])
            return
        try:
            call.reply(merge_statuses(replies))
        except DecodeError as error:
            call.fail(NoReplica(f"a replica's model status is unreadable: {error}"))

    upstream = context.upstreams[name]
    _ask_all(upstream, call, STATUS_PATH, collected, upstream.policy.connect_timeout_s)


def reload_everywhere(context: Context, call: Call) -> None:
    """HandleReloadConfigRequest to all replicas; the first refusal is the answer. Raises: NotAllowed."""
    if len(context.upstreams) != 1:
        raise NotAllowed(f"the gateway has {len(context.upstreams)} upstreams; reload their replicas directly")

    def collected(replies: list[bytes], failures: list[Failure]) -> None:
        if failures:
            call.fail(failures[0])
            return
        refused = [
            reply for reply in replies if management_pb2.ReloadConfigResponse.FromString(reply).status.error_code != 0
        ]
        call.reply((refused or replies)[0])

    _ask_all(next(iter(context.upstreams.values())), call, RELOAD_PATH, collected)


def none_up(upstream: Upstream) -> NoReplica:
    """What is said while an upstream is all down: unavailable, not unknown."""
    return NoReplica(f'upstream "{upstream.name}": none of its {len(upstream.replicas)} replicas is up')


def _ask_all(upstream: Upstream, call: Call, path: str, collected: Collected, longest_s: float | None = None) -> None:
    """Send the call's message to every replica that is up; `collected` runs once, when all have answered.

    `longest_s`: one that hangs is not waited for any longer (None: as long as the caller waits).
    """
    replicas = upstream.up
    if not replicas:
        raise none_up(upstream)
    replies: list[bytes] = []
    failures: list[Failure] = []

    def done(reply: bytes | None, failure: Failure | None) -> None:
        if failure is not None:
            failures.append(failure)
        else:
            replies.append(reply or b"")
        if len(replies) + len(failures) == len(replicas):
            collected(replies, failures)

    waits_s, metadata = call.deadline.remaining_s(monotonic_us()), forwarded(call.metadata)
    timeout_s = min((bound for bound in (waits_s, longest_s) if bound is not None), default=None)
    for replica in replicas:
        call.on_end(replica.connection.send(path, call.message, timeout_s, metadata, done))
