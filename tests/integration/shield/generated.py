"""Cases from a seed: good requests, requests with a flaw or two, and bytes changed at random."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from tests.integration.shield.flaws import FLAWS
from tests.integration.shield.good import good_request


@dataclass(frozen=True, slots=True)
class Case:
    """One request's bytes and how it came about."""

    message: bytes
    flaws: tuple[str, ...]


def cases(seed: int, count: int) -> Iterator[Case]:
    """Good ones, those with one or two flaws, and all of these with bytes changed at random."""
    rng = random.Random(seed)
    for _ in range(count):
        request = good_request(rng)
        for _ in range(rng.choice((0, 1, 1, 1, 2))):
            flaw = rng.choice(FLAWS)
            flaw(rng, request)
            request.flaws.append(flaw.__name__)
        message = request.encode()
        if rng.random() < 0.25:
            message = mutated(rng, message)
            request.flaws.append("mutated")
        yield Case(message, tuple(request.flaws))


def mutated(rng: random.Random, message: bytes) -> bytes:
    """Up to four bits, bytes or slices changed, anywhere."""
    data = bytearray(message)
    for _ in range(rng.randrange(1, 5)):
        if not data:
            break
        # Heads are short and values long: half of the changes fall where the structure is.
        at = rng.randrange(min(len(data), 48) if rng.random() < 0.5 else len(data))
        end = min(len(data), at + rng.randrange(1, 9))
        match rng.randrange(6):
            case 0 | 1:
                data[at] ^= 1 << rng.randrange(8)
            case 2:
                data[at] = rng.randrange(256)
            case 3:
                del data[at:end]
            case 4:
                data[at:at] = data[at:end]
            case _:
                data[at:at] = rng.randbytes(end - at)
    return bytes(data[: rng.randrange(len(data) + 1)] if rng.random() < 0.1 else data)
