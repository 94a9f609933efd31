"""Whether each signature's calls are joined now, in words: for status, and as a metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gateway.batching.key import LaneKey, ProofKey
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.batching.proof import Proof

OFF: Final = "off"
OFF_BY_CONFIGURATION: Final = "off by configuration"
ON_BY_CONFIGURATION: Final = "on by configuration"

# A lane that runs unjoined for a while, and for how many microseconds yet.
Poisoned = tuple[LaneKey, int]


@dataclass(frozen=True, slots=True)
class SignatureState:
    """One signature of one version. `state` is Proof.state, or that configuration decides; `reason` only for "off".

    `poisoned_lanes` of its lanes run unjoined for a while, the last of them for `poisoned_s` seconds yet.
    """

    version: int
    signature: str
    state: str
    reason: str = ""
    poisoned_lanes: int = 0
    poisoned_s: float = 0.0


def mode_words(policy: BatchPolicy) -> str:
    """What configuration says, for people."""
    if policy.mode is BatchMode.AUTO:
        return "auto"
    return OFF_BY_CONFIGURATION if policy.mode is BatchMode.OFF else f"{ON_BY_CONFIGURATION}, without proof"


def signature_states(
    policy: BatchPolicy,
    proofs: Sequence[tuple[ProofKey, Proof]],
    poisoned: Sequence[Poisoned],
    upstream: str,
    model: str,
) -> list[SignatureState]:
    """What is known of the signatures of one model that were called; none where configuration joins nothing."""
    if policy.mode is BatchMode.OFF:
        return []
    return [
        _state(policy, key, proof, [left_us for lane, left_us in poisoned if lane.proof_key == key])
        for key, proof in proofs
        if key[:2] == (upstream, model)
    ]


def _state(policy: BatchPolicy, key: ProofKey, proof: Proof, poisoned_us: list[int]) -> SignatureState:
    """A joined reply that can't be cut turns joining off under mode `on` too."""
    _, _, version, signature = key
    if proof.off_reason is not None:
        return SignatureState(version, signature, OFF, proof.off_reason)
    state = ON_BY_CONFIGURATION if policy.mode is BatchMode.ON else proof.state
    return SignatureState(version, signature, state, "", len(poisoned_us), max(poisoned_us, default=0) / 1e6)
