"""Gives the batcher its hands: how a joined call travels, and how many may be out at once."""

from __future__ import annotations

from functools import partial

from gateway.app.world import World
from gateway.batching.key import LaneKey
from gateway.batching.ports import CallBack
from gateway.call import Deadline, Message
from gateway.errors import Failure, NoReplica
from gateway.upstream.connection import Done
from gateway.upstream.courier import Courier, Errand
from gateway.upstream.replica import Replica

PREDICT_PATH = "/tensorflow.serving.PredictionService/Predict"


class Joins:
    """A joined call is never a suspect as a whole: when its replica dies its members go on singly."""

    def __init__(self, world: World, courier: Courier) -> None:
        self._world = world
        self._courier = courier

    def send(self, key: LaneKey, message: Message, deadline: Deadline, done: Done) -> CallBack | None:
        """Carry the request to a replica that has its version; `done` is called once, unless it is called back."""

        def delivered(reply: bytes | None, failure: Failure | None, _replica: Replica | None) -> None:
            done(reply, failure)

        upstream = self._world.fleet.upstreams.get(key.upstream)
        if upstream is None:
            done(None, NoReplica(f'upstream "{key.upstream}" is gone from the configuration'))
            return None
        errand = Errand(upstream, key.model, key.version, PREDICT_PATH, message, (), deadline, None, delivered)
        errand.urgent = True
        self._courier.carry(errand)
        return partial(self._courier.cancel, errand)

    def replicas_up(self, upstream: str) -> int:
        """How many replicas can take joined calls now."""
        found = self._world.fleet.upstreams.get(upstream)
        return 0 if found is None else len(found.up)
