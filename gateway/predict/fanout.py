"""Calls that concern every replica: model status, merged, and the reload of a configuration where it is allowed."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from google.protobuf.message import DecodeError

from gateway.call import Call, Headers, monotonic_us
from gateway.errors import Failure, NoReplica, NotAllowed, Shed, UnknownModel
from gateway.predict.context import Context
from gateway.predict.find import none_up, search
from gateway.predict.forward import forwarded
from gateway.upstream.ask import RELOAD_PATH, STATUS_PATH
from gateway.upstream.connection import Cancel
from gateway.upstream.fanout import merge_statuses
from gateway.upstream.pool import Upstream
from gateway.wire.spec import SpecView
from protos.stubs.tidegate.wire.v1 import management_pb2

MAX_QUESTIONS = 64

# (replies, failures) of all replicas that are up.
Collected = Callable[[list[bytes], list[Failure]], None]


class Statuses:
    """GetModelStatus of all replicas as one. It takes no slot, so what clients can make of it is bounded here.

    Calls that ask an upstream the same at the same time share one answer, MAX_QUESTIONS different ones may be out, and
    a model that no route names is looked for like any other call's.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._asking: dict[tuple[str, bytes], list[Call]] = {}

    def answer(self, call: Call, view: SpecView) -> None:
        """Reply, sooner or later. Raises: UnknownModel when no upstream can have it, NoReplica, Shed."""
        if view.name in self._context.table.models:
            self._ask(call, view)
            return
        unknown = partial(UnknownModel, view.name, view.version)
        search(self._context, call, view.name, partial(self._ask, call, view), unknown)

    def _ask(self, call: Call, view: SpecView) -> None:
        call.model = view.name
        upstream = self._context.upstreams[self._context.table.models[view.name].upstream]
        question = (upstream.name, call.message)
        if question in self._asking:
            self._asking[question].append(call)
            return
        if len(self._asking) >= MAX_QUESTIONS:
            self._context.counters.shed.add(("model_status",))
            raise Shed(f"{MAX_QUESTIONS} different GetModelStatus calls wait for their replicas already")
        collected = partial(self._collected, question)
        _ask_all(upstream, STATUS_PATH, call.message, upstream.policy.connect_timeout_s, (), collected)
        self._asking[question] = [call]

    def _collected(self, question: tuple[str, bytes], replies: list[bytes], failures: list[Failure]) -> None:
        calls = self._asking.pop(question)
        try:
            merged = merge_statuses(replies)
        except DecodeError as error:
            failures, replies = [NoReplica(f"a replica's model status is unreadable: {error}")], []
        for call in calls:
            if replies:
                call.reply(merged)
            else:
                call.fail(failures[0])


def reload_everywhere(context: Context, call: Call) -> None:
    """HandleReloadConfigRequest to all replicas; the first refusal is the answer. Raises: NotAllowed."""
    if len(context.upstreams) != 1:
        raise NotAllowed(f"the gateway has {len(context.upstreams)} upstreams; reload their replicas directly")

    def collected(replies: list[bytes], failures: list[Failure]) -> None:
        if failures:
            call.fail(failures[0])
            return
        try:
            refused = [reply for reply in replies if _refuses(reply)]
        except DecodeError as error:
            call.fail(NoReplica(f"a replica's answer to the reload is unreadable: {error}"))
            return
        call.reply((refused or replies)[0])

    upstream, waits_s = next(iter(context.upstreams.values())), call.deadline.remaining_s(monotonic_us())
    for cancel in _ask_all(upstream, RELOAD_PATH, call.message, waits_s, forwarded(call.metadata), collected):
        call.on_end(cancel)


def _refuses(reply: bytes) -> bool:
    return management_pb2.ReloadConfigResponse.FromString(reply).status.error_code != 0


def _ask_all(
    upstream: Upstream, path: str, message: bytes, timeout_s: float | None, metadata: Headers, collected: Collected
) -> list[Cancel]:
    """Send the message to every replica that is up; `collected` runs once, later, when all have answered.

    Returns what calls each back. Raises: NoReplica.
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

    return [replica.connection.send(path, message, timeout_s, metadata, done) for replica in replicas]
