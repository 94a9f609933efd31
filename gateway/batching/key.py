"""Which requests may be joined: the key of a lane, and the key under which joining is proved."""

from __future__ import annotations

from typing import NamedTuple

from gateway.wire.tensor import Features

# (upstream, model, version, signature name)
ProofKey = tuple[str, str, int, str]


class LaneKey(NamedTuple):
    """Requests that differ in any of these never meet. `signature_name` is resolved, `output_filter` sorted.

    Where a model's lanes pad, `features` have -1 for what the signature leaves open, so that lengths may differ.
    """

    upstream: str
    model: str
    version: int
    signature_name: str
    output_filter: tuple[str, ...]
    features: Features

    @property
    def proof_key(self) -> ProofKey:
        """What lanes share a proof under: rows are independent, or not, whatever their features and outputs."""
        return self[:4]
