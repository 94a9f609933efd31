"""Keeps the books of one models_config file: which replica has taken which generation of it, and whom to send to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gateway.errors import Failure, UpstreamFailed
from gateway.rollout.events import Standing

RETRY_AFTER_US = 1_000_000
# gRPC codes after which the same reload may succeed later: CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED,
# ABORTED, UNAVAILABLE. Any other is the server's word on the configuration itself.
RETRIED_CODES = frozenset({1, 2, 4, 8, 10, 14})


@dataclass(slots=True)
class _Entry:
    taken: int = 0  # the newest generation the replica answered OK to
    refused: int = 0  # the newest generation it refused
    sending: int = 0  # the generation on its way, 0 for none: a replica is never sent two at once, they could overtake
    retry_at_us: int = 0
    words: str = ""


class ReloadBook:
    """Generations count from 1; every rollout of an upstream shares its book: a reload carries the whole file."""

    __slots__ = ("_entries", "generation", "request")

    def __init__(self) -> None:
        self.generation = 0
        self.request = b""
        self._entries: dict[str, _Entry] = {}

    def publish(self, request: bytes) -> None:
        """A new whole configuration, which every replica shall take."""
        self.generation += 1
        self.request = request

    def take_due(self, up: Iterable[str], now_us: int) -> list[str]:
        """Replicas (of those up) to send the newest request to now; each must be followed by one `ended`."""
        due = []
        for address in up:
            entry = self._entries.setdefault(address, _Entry())
            settled = max(entry.taken, entry.refused) >= self.generation
            if not settled and not entry.sending and entry.retry_at_us <= now_us:
                entry.sending = self.generation
                due.append(address)
        return due

    def ended(self, address: str, failure: Failure | None, now_us: int) -> None:
        """The send to the replica ended, well if without failure."""
        entry = self._entries[address]
        sent, entry.sending = entry.sending, 0
        entry.words = "" if failure is None else failure.message
        if failure is None:
            entry.taken = sent
        elif isinstance(failure, UpstreamFailed) and failure.code not in RETRIED_CODES:
            entry.refused = sent
        else:
            entry.retry_at_us = now_us + RETRY_AFTER_US

    def standing(self, address: str) -> tuple[Standing, str]:
        """Where the replica stands with the newest generation, and its words if there is something to say."""
        entry = self._entries.get(address, _Entry())
        if entry.taken >= self.generation:
            return Standing.ACKED, ""
        if entry.refused >= self.generation:
            return Standing.REFUSED, entry.words
        return Standing.PENDING, entry.words

    def settled(self, addresses: Iterable[str]) -> bool:
        """Every one of them took or refused the newest generation."""
        return all(self.standing(address)[0] is not Standing.PENDING for address in addresses)
