"""Reads from an observation how the load of the new version goes, in words."""

from __future__ import annotations

from gateway.rollout.events import AVAILABLE, END, Observed, ReplicaView, Standing
from protos.stubs.tidegate.wire.v1 import management_pb2


def failed_addresses(seen: Observed) -> frozenset[str]:
    """Replicas that say END with an error: the load failed. END without one is an earlier, proper unload."""
    return frozenset(
        view.address
        for view in seen.replicas
        if view.up and view.new is not None and view.new[0] == END and view.new[1]
    )


def failure_words(seen: Observed, addresses: frozenset[str], version: int) -> str:
    """Empty without failures."""
    words = [f"{view.address}: {view.new[1]}" for view in seen.replicas if view.address in addresses and view.new]
    return f"version {version} failed to load: {'; '.join(words)}" if words else ""


def refusal(seen: Observed) -> str:
    """What the replicas that are up and refused the configuration said; empty if none did."""
    words = [f"{view.address}: {view.words}" for view in seen.replicas if view.up and view.standing is Standing.REFUSED]
    return f"the reload was refused: {'; '.join(words)}" if words else ""


def missing(seen: Observed) -> list[str]:
    """What is still wanted before the new version may take traffic; empty when all that are up have it AVAILABLE."""
    up = [view for view in seen.replicas if view.up]
    if not up:
        return ["no replica is up"]
    return [f"{view.address} {_lacks(view)}" for view in up if not _ready(view)]


def unseen(seen: Observed) -> bool:
    """Every replica that is up took the configuration, and none names the new version in any state."""
    up = [view for view in seen.replicas if view.up]
    return bool(up) and all(view.standing is Standing.ACKED and view.new is None for view in up)


def state_name(state: int) -> str:
    """TensorFlow Serving's name of a version state number."""
    known = {value.number: value.name for value in management_pb2.ModelVersionStatus.State.DESCRIPTOR.values}
    return known.get(state, f"state {state}")


def _ready(view: ReplicaView) -> bool:
    return view.standing is Standing.ACKED and view.new is not None and view.new[0] == AVAILABLE


def _lacks(view: ReplicaView) -> str:
    if view.standing is not Standing.ACKED:
        return f"has not taken the configuration yet{f' ({view.words})' if view.words else ''}"
    return "does not name it" if view.new is None else f"says {state_name(view.new[0])}"
