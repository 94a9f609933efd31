"""Requests as bytes, made before the clock starts: what one connection sends, call by call. Pure.

Header blocks are those of a careful client (grpc-go's way: all fields indexed incrementally, Huffman-coded). Varied
calls each carry their own user key, traceparent and timeout, so that no two blocks are alike.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from itertools import repeat

from hpack import Encoder

from benchmarks import frames
from benchmarks.calls import CALL_TIMEOUT_S, PREDICT

FieldList = list[tuple[str, str]]
USERS = 1_000_000


def fields(authority: str, own: FieldList) -> FieldList:
    """The header fields of one call; `own` are its alone."""
    return [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", PREDICT),
        (":authority", authority),
        ("content-type", "application/grpc"),
        ("user-agent", "grpc-go/1.80.0"),
        ("te", "trailers"),
        *own,
    ]


def own_fields(chance: random.Random) -> FieldList:
    """A timeout as what is left of 30 s, a W3C trace parent, one of a million users."""
    left_us = CALL_TIMEOUT_S * 1_000_000 - chance.randrange(5_000)
    trace, span = f"{chance.getrandbits(128):032x}", f"{chance.getrandbits(64):016x}"
    return [
        ("grpc-timeout", f"{left_us}u"),
        ("traceparent", f"00-{trace}-{span}-01"),
        ("x-user-id", f"user-{chance.randrange(USERS):06d}"),
    ]


def requests(authority: str, message: bytes, calls: int, seed: int | None) -> Iterator[bytes]:
    """`calls` calls of one connection in order, HEADERS and DATA each; `message` is framed. No `seed`: all alike."""
    return requests_of(authority, repeat(message, calls), seed)


def requests_of(authority: str, messages: Iterable[bytes], seed: int | None = None) -> Iterator[bytes]:
    """A call of each of the framed `messages`, on one connection. No `seed`: headers are all alike."""
    encoder, chance = Encoder(), random.Random(seed)
    alike: FieldList = [("grpc-timeout", f"{CALL_TIMEOUT_S}S")]
    block = b""
    for number, message in enumerate(messages):
        if seed is not None or number < 2:  # alike, the second says by index what the first put in the table
            block = encoder.encode(fields(authority, alike if seed is None else own_fields(chance)))
        stream = 2 * number + 1
        head = frames.frame(frames.HEADERS, frames.END_HEADERS, stream, block)
        yield head + frames.data_frames(stream, message)
