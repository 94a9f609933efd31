"""One routed call from its arm to its answer: checked, joined or sent singly, re-routed once if its version left."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from gateway.batching.joinable import joinable
from gateway.batching.key import LaneKey
from gateway.batching.lane import Member
from gateway.call import Call, Headers, monotonic_us
from gateway.errors import Failure, Fate, NoReplica, SuspectRefused, UpstreamFailed
from gateway.predict.context import Context, forwarded
from gateway.predict.guard import guard, unknown_servable
from gateway.predict.inspect import inspect
from gateway.routing.route import resolve
from gateway.upstream.courier import Errand
from gateway.upstream.replica import Replica
from gateway.wire.check import fingerprint
from gateway.wire.reasons import Unjoined
from gateway.wire.signature import DEFAULT_SIGNATURE, Signature
from gateway.wire.spec import SpecView, pin_version
from gateway.wire.tensor import Head

NOT_FOUND = 5
VERSION_GONE = "Servable not found for request: "


def run_alone(_key: LaneKey, member: Member, failure: Failure | None) -> None:
    """The batcher's fallback: the member's journey goes on without batch mates."""
    if not isinstance(member.owner, Journey):
        raise TypeError(f"a member of {type(member.owner).__name__} came back, wanted a Journey")
    member.owner.fall_back(failure)


class Journey:
    """Lives as long as its call. `choice` may change once, when the version that the gateway chose is gone."""

    __slots__ = (
        "call", "choice", "context", "counted", "deaths", "died", "errand", "headers", "heads", "known",
        "random_bits", "rerouted", "route", "upstream", "view",
    )  # fmt: skip

    def __init__(self, context: Context, call: Call, view: SpecView) -> None:
        self.context = context
        self.call = call
        self.view = view
        self.heads: tuple[Head, ...] = ()
        self.known = False  # the signature is known: the call may be joined, and retried after a replica's death
        self.rerouted = False
        self.errand: Errand | None = None
        self.deaths = 0  # replicas that died while this call was in flight on them, over all its errands
        self.died: Replica | None = None
        self.random_bits = context.chance.getrandbits(64)  # in a key's place: once, so that a call stays in its arm
        call.model = view.name
        self._choose()

    def start(self) -> None:
        """Check the inputs, then join or send singly. Raises: Failure when the shield refuses the call."""
        self._count()
        self.call.on_end(self._end)
        if self.call.method != "Predict" or not self._checked_and_joined():
            self._send()

    def fall_back(self, failure: Failure | None) -> None:
        """The batcher gave the call back: it goes on alone, as a suspect if its batch's replica died."""
        if not self.call.ended:
            guard(self.call, partial(self._alone, failure))

    def _alone(self, failure: Failure | None) -> None:
        if isinstance(failure, UpstreamFailed):
            if failure.fate is Fate.LOST:
                died = failure.origin if isinstance(failure.origin, Replica) else None
                self.context.courier.carry_suspect(self._errand(), died)
                return
            if self._version_left(failure):
                self._reroute(failure)
                return
        self._send()

    def _choose(self) -> None:
        """Pick arm and version from the route table in force."""
        view, call = self.view, self.call
        self.route = route = self.context.table.models[view.name]
        key = route.key_of(call.metadata, view.client_id)
        self.choice = resolve(route, view.version, view.label, key, self.random_bits, call.metadata)
        self.upstream = self.context.upstreams[route.upstream]
        call.arm, call.version = self.choice.arm, self._placed_version()
        self.headers: Headers = (("tidegate-arm", self.choice.arm),)
        if self.choice.version is not None:
            self.headers += (("tidegate-version", str(self.choice.version)),)
        call.headers = self.headers

    def _checked_and_joined(self) -> bool:
        """True when the batcher has the call. Raises: Failure when the shield refuses it."""
        signature = self._checked()
        if signature is None:
            self.context.counters.unjoined.add((self.route.name, "unknown_signature"))
            return False
        return self._join(signature)

    def _checked(self) -> Signature | None:
        """The signature of the chosen version, None while unknown. Raises: Failure when the shield refuses the call."""
        context, view = self.context, self.view
        assert view.request is not None, "peek() parses every Predict"
        signature, self.heads = inspect(context, self.route, self.choice, view.signature_name, view.request)
        self.known = signature is not None
        if self.known and context.courier.rules.has_blocks:
            self._refuse_if_blocked()
        return signature

    def _join(self, signature: Signature) -> bool:
        """Hand the call to the batcher when it can be joined and a replica has the version it asks for."""
        context, version, view = self.context, self.choice.version, self.view
        if version is None or view.request is None or self._placed_version() is None:
            return False
        share = joinable(view, signature, self.heads, context.batch_policy(self.route.name))
        if isinstance(share, Unjoined):
            context.counters.unjoined.add((self.route.name, share.value))
            return False
        member = Member(self.call, view.request, share.inputs, share.rows, share.nbytes, self.headers, self)
        context.batcher.offer(share.lane_key(self.route.upstream, self.route.name, version), member)
        return True

    def _refuse_if_blocked(self) -> None:
        if self.context.courier.rules.is_blocked(self._fingerprint(), monotonic_us()):
            refusal = SuspectRefused(
                "calls of this model, signature and shape were in flight when replicas died; refused for a while"
            )
            refusal.against_version = False  # whichever version it is for, that shape is refused
            self.context.counters.shield_refused.add((self.route.name, "suspect"))
            raise refusal

    def _fingerprint(self) -> Hashable:
        return fingerprint(self.view.name, self.view.signature_name or DEFAULT_SIGNATURE, self.heads)

    def _placed_version(self) -> int | None:
        """The version a replica must have for this call. None: any replica, which then answers for itself.

        So it is when the client named a version that the watcher knows nowhere: it may have loaded this instant, and
        if not, TensorFlow Serving's own error is what the client gets.
        """
        version = self.choice.version
        if version is None or self.choice.chosen_by_gateway:
            return version
        return version if any(replica.serves(self.route.name, version) for replica in self.upstream.up) else None

    def _send(self) -> None:
        self.context.courier.carry(self._errand())

    def _errand(self) -> Errand:
        call, choice = self.call, self.choice
        message = call.message
        if choice.chosen_by_gateway and choice.version is not None:
            message = pin_version(call.method, message, choice.version)
        self.errand = Errand(
            self.upstream,
            self.route.name,
            self._placed_version(),
            f"/tensorflow.serving.PredictionService/{call.method}",
            message,
            forwarded(call.metadata),
            call.deadline,
            self._fingerprint if self.known else None,
            self._delivered,
        )
        self.errand.deaths, self.errand.died = self.deaths, self.died
        return self.errand

    def _delivered(self, reply: bytes | None, failure: Failure | None, replica: Replica | None) -> None:
        guard(self.call, partial(self._settle, reply, failure, replica))

    def _settle(self, reply: bytes | None, failure: Failure | None, replica: Replica | None) -> None:
        if self.errand is not None:
            self.deaths, self.died = self.errand.deaths, self.errand.died
            self.errand = None
        if failure is None:
            self.call.reply(reply or b"", self.headers)
        elif self._version_left(failure):
            if replica is not None and self.choice.version is not None:
                replica.forget(self.route.name, self.choice.version)
            self._reroute(failure)
        else:
            self.call.fail(failure, self.headers)

    def _version_left(self, failure: Failure) -> bool:
        """The gateway chose a version that the replica no longer has: ours to mend, not the client's to see."""
        if not self.choice.chosen_by_gateway:
            return False
        if isinstance(failure, UpstreamFailed):
            return failure.code == NOT_FOUND and failure.message.startswith(VERSION_GONE)
        return isinstance(failure, NoReplica)

    def _reroute(self, failure: Failure) -> None:
        """Ask the replicas what they have now, choose anew, send once more."""
        if self.rerouted:
            servable = f'version {self.choice.version} of model "{self.route.name}"'
            hidden = NoReplica(f'upstream "{self.upstream.name}": {servable} is not available')
            self.call.fail(failure if isinstance(failure, NoReplica) else hidden, self.headers)
            return
        self.rerouted = True
        self.context.refresh(
            self.route.upstream, self.route.name, lambda doubt: guard(self.call, partial(self._go_on, doubt))
        )

    def _go_on(self, doubt: Failure | None) -> None:
        """The replicas were asked: choose anew, and hold the inputs against the signature of what is chosen now."""
        if self.call.ended:
            return
        if self.view.name not in self.context.table.models:
            raise doubt or unknown_servable(self.view)
        self._uncount()
        self._choose()
        self._count()
        if self.call.method == "Predict":
            self._checked()
        self._send()

    def _count(self) -> None:
        """The call is out on its version: a rollout unloads none that has calls."""
        self.counted = (self.route.name, self.choice.version)
        self.context.active[self.counted] += 1

    def _uncount(self) -> None:
        active = self.context.active
        active[self.counted] -= 1
        if not active[self.counted]:
            del active[self.counted]

    def _end(self) -> None:
        """The call ended, by whosever hands: whatever is still on its way for it is called back."""
        self._uncount()
        if self.known and self.call.answered:
            self.context.courier.rules.answered(self._fingerprint(), monotonic_us())
        if self.errand is not None:
            errand, self.errand = self.errand, None
            self.context.courier.cancel(errand)
