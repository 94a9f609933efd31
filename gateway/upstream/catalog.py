"""The signatures of every version that replicas have AVAILABLE: fetched once per model version, then looked up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from gateway.upstream.replica import Replica
from gateway.wire.signature import Signature

MAX_ENTRIES = 10_000

Gone = Callable[[str, str, frozenset[int]], None]
_NOTHING: Mapping[int, Mapping[str, Signature]] = MappingProxyType({})


def _nobody_listens(_upstream: str, _model: str, _versions: frozenset[int]) -> None:
    """Until app says who else keeps what it learned of a version."""


class Catalog:
    """Signatures by (upstream, model) and version. What may come back with other content is forgotten when it leaves.

    `on_gone(upstream, model, versions)` is told of every version forgotten.
    """

    __slots__ = ("_count", "_entries", "on_gone")

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], dict[int, Mapping[str, Signature]]] = {}
        self._count = 0
        self.on_gone: Gone = _nobody_listens

    def find(self, upstream: str, model: str, version: int) -> Mapping[str, Signature] | None:
        """Signature name -> signature; None while the version's metadata is not known."""
        return self._entries.get((upstream, model), _NOTHING).get(version)

    def put(self, upstream: str, model: str, version: int, signatures: Mapping[str, Signature]) -> None:
        if self._count < MAX_ENTRIES:
            versions = self._entries.setdefault((upstream, model), {})
            self._count += version not in versions
            versions[version] = signatures

    def keep_only(self, upstream: str, model: str, versions: frozenset[int]) -> None:
        """Forget the model's other versions: a number may come back with other content."""
        known = self._entries.get((upstream, model), _NOTHING)
        gone = frozenset(known) - versions
        if not gone:
            return
        kept = {version: signatures for version, signatures in known.items() if version not in gone}
        self._count -= len(gone)
        if kept:
            self._entries[upstream, model] = kept
        else:
            del self._entries[upstream, model]
        self.on_gone(upstream, model, gone)

    def keep_available(self, upstream: str, model: str, replicas: Iterable[Replica]) -> None:
        """Forget the versions that none of the upstream's replicas has AVAILABLE."""
        self.keep_only(upstream, model, frozenset[int]().union(*(replica.available(model) for replica in replicas)))

    def forget(self, upstream: str) -> None:
        """Forget every model of an upstream that is gone."""
        for model in [model for name, model in self._entries if name == upstream]:
            self.keep_only(upstream, model, frozenset())
