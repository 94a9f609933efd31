"""Takes one look at the world for the machine: replicas, versions, counts."""

from __future__ import annotations

from gateway.rollout.events import Observed, ReplicaView
from gateway.rollout.judge import Counts
from gateway.rollout.plan import Plan
from gateway.rollout.ports import Ports
from gateway.rollout.reloads import ReloadBook


def observe(ports: Ports, plan: Plan, book: ReloadBook) -> Observed:
    """What the ports say now of both versions of the plan, and the book of each replica's reload."""
    model, new, old = plan.model, plan.to_version, plan.from_version
    states = ports.version_states(model)
    views = []
    for replica in ports.replicas(model):
        versions = states.get(replica.address, {})
        standing, words = book.standing(replica.address)
        views.append(ReplicaView(replica.address, replica.up, standing, words, versions.get(new), versions.get(old)))
    return Observed(
        tuple(views),
        Counts(*ports.counts(model, new)),
        Counts(*ports.counts(model, old)),
        ports.in_flight(model, new),
        ports.in_flight(model, old),
        frozenset(ports.pinned_versions(model)),
    )
