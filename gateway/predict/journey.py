"""One routed call from its arm to its answer: checked, joined or sent singly, re-routed once if its version left."""

from __future__ import annotations

from collections.abc import Hashable
from functools import partial

from gateway.batching.joinable import joinable
from gateway.batching.key import LaneKey
from gateway.batching.lane import Member
from gateway.batching.policy import BatchMode
from gateway.call import Call, Message, monotonic_us
from gateway.errors import Failure, Fate, NoReplica, SuspectRefused, UpstreamFailed
from gateway.predict.context import Context
from gateway.predict.forward import forwarded
from gateway.predict.guard import end_by, guard, unknown_servable
from gateway.predict.inspect import inspect
from gateway.routing.route import Choice, ModelRoute, resolve, routing_headers
from gateway.upstream.courier import Errand
from gateway.upstream.replica import Replica
from gateway.wire.check import fingerprint
from gateway.wire.reasons import Unjoined
from gateway.wire.signature import Signature
from gateway.wire.spec import SpecView, pinned

ROUTED = ("Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata")
PATHS = {method: f"/tensorflow.serving.PredictionService/{method}" for method in ROUTED}
OFF, BATCHING_OFF = BatchMode.OFF, Unjoined.BATCHING_OFF.value
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
        "call", "choice", "context", "counted", "errand", "known", "random_bits", "rerouted", "route", "upstream",
        "view",
    )  # fmt: skip

    def __init__(self, context: Context, call: Call, view: SpecView) -> None:
        self.context = context
        self.call, self.view = call, view
        self.known = False  # the signature is known: the call may be joined, and retried after a replica's death
        self.rerouted = False
        self.errand: Errand | None = None  # the latest; it knows which replicas died under the call
        self.random_bits: int | None = None  # in a key's place: drawn once, so that a call stays in its arm
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
        named = view.version is not None or view.label is not None
        self.choice = choice = self._resolve(route) if named or route.only is None else route.only
        self.upstream = self.context.upstreams[route.upstream]
        call.arm, call.version = choice.arm, self._placed_version()
        call.headers = routing_headers(choice.arm, choice.version)

    def _resolve(self, route: ModelRoute) -> Choice:
        view, metadata = self.view, self.call.metadata
        key = route.key_of(metadata, view.client_id)
        if key is None and self.random_bits is None:
            self.random_bits = self.context.chance.getrandbits(64)
        return resolve(route, view.version, view.label, key, self.random_bits or 0, metadata)

    def _checked_and_joined(self) -> bool:
        """True when the batcher has the call. Raises: Failure when the shield refuses it."""
        signature = self._checked()
        if signature is None:
            self.context.counters.unjoined.add((self.route.name, "unknown_signature"))
            return False
        return self._join(signature)

    def _checked(self) -> Signature | None:
        """The signature of the chosen version, None while unknown. Raises: Failure when the shield refuses the call."""
        signature = inspect(self.context, self.route, self.choice, self.view)
        self.known = signature is not None
        if self.known and self.context.courier.rules.has_blocks:
            self._refuse_if_blocked()
        return signature

    def _join(self, signature: Signature) -> bool:
        """Hand the call to the batcher when it can be joined and a replica has the version it asks for."""
        context, version, call = self.context, self.choice.version, self.call
        if version is None or call.version is None:
            return False
        policy = context.batch_policy(self.route.name)
        if policy.mode is OFF:
            context.counters.unjoined.add((self.route.name, BATCHING_OFF))
            return False
        route = self.route
        share = joinable(call.message, self.view, signature, policy, route.upstream, route.name, version)
        if isinstance(share, Unjoined):
            context.counters.unjoined.add((route.name, share.value))
            return False
        member = Member(call, share.values, share.features, share.rows, share.nbytes, call.headers, self)
        context.batcher.offer(share.key, member)
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
        return fingerprint(self.view)

    def _placed_version(self) -> int | None:
        """The version a replica must have for this call. None: any replica, which then answers for itself.

        So it is when the client named a version that the watcher knows nowhere: it may have loaded this instant, and
        if not, TensorFlow Serving's own error is what the client gets.
        """
        choice, version = self.choice, self.choice.version
        if version is None or choice.chosen_by_gateway:
            return version
        return version if any(replica.serves(self.route.name, version) for replica in self.upstream.up) else None

    def _send(self) -> None:
        self.context.courier.carry(self._errand())

    def _errand(self) -> Errand:
        """What is to be sent now. It inherits the deaths that an errand before it met."""
        call, choice, was = self.call, self.choice, self.errand
        message: Message = call.message
        if choice.chosen_by_gateway and choice.version is not None:
            message = pinned(call.method, call.message, choice.version)
        self.errand = errand = Errand(
            self.upstream,
            self.route.name,
            self._placed_version(),
            PATHS[call.method],
            message,
            forwarded(call.metadata),
            call.deadline,
            self._fingerprint if self.known else None,
            self._delivered,
        )
        if was is not None:
            errand.deaths, errand.died = was.deaths, was.died
        return errand

    def _delivered(self, reply: bytes | None, failure: Failure | None, replica: Replica | None) -> None:
        call = self.call
        try:
            if failure is None:
                self.errand = None
                call.reply(reply or b"", call.headers)
            elif self._version_left(failure):
                if replica is not None and self.choice.version is not None:
                    replica.forget(self.route.name, self.choice.version)
                self._reroute(failure)
            else:
                call.fail(failure, call.headers)
        except Exception as error:  # noqa: BLE001 - as in `guard`, without a call in between
            end_by(call, error)

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
            self.call.fail(failure if isinstance(failure, NoReplica) else hidden, self.call.headers)
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
        self._choose()
        self._uncount()
        self._count()
        if self.call.method == "Predict":
            self._checked()
        self._send()

    def _count(self) -> None:
        """The call is out on its version: a rollout unloads none that has calls."""
        self.counted = counted = (self.route.name, self.choice.version)
        self.context.active[counted] += 1

    def _uncount(self) -> None:
        active, counted = self.context.active, self.counted
        left = active[counted] - 1
        if left:
            active[counted] = left
        else:
            del active[counted]

    def _end(self) -> None:
        """The call ended, by whosever hands: whatever is still on its way for it is called back."""
        self._uncount()
        call, view = self.call, self.view
        if self.known and call.answered and call.ended_us >= view.vouch_after_us:
            rules = self.context.courier.rules
            rules.answered(self._fingerprint(), call.ended_us)
            view.vouch_after_us = call.ended_us + rules.vouch_every_us
        errand, self.errand = self.errand, None
        if errand is not None:
            self.context.courier.cancel(errand)
