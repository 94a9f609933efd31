"""The signatures of every version that replicas have AVAILABLE: fetched once per model version, then looked up."""

from __future__ import annotations

from collections.abc import Mapping

from gateway.wire.signature import Signature

MAX_ENTRIES = 10_000


class Catalog:
    """Signatures by (upstream, model, version). A version that left every replica is dropped with `keep_only`."""

    __slots__ = ("_entries",)

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str, int], Mapping[str, Signature]] = {}

    def find(self, upstream: str, model: str, version: int) -> Mapping[str, Signature] | None:
        """Signature name -> signature; None while the version's metadata is not known."""
        return self._entries.get((upstream, model, version))

    def put(self, upstream: str, model: str, version: int, signatures: Mapping[str, Signature]) -> None:
        if len(self._entries) < MAX_ENTRIES:
            self._entries[upstream, model, version] = signatures

    def keep_only(self, upstream: str, model: str, versions: frozenset[int]) -> None:
        """Forget the model's other versions: a number may come back with other content."""
        gone = [key for key in self._entries if key[0] == upstream and key[1] == model and key[2] not in versions]
        for key in gone:
            del self._entries[key]
