"""Whether a ModelSpec holds only what we know of: what we don't, a join or a cut would lose."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from google.protobuf.message import DecodeError

from protos.stubs.tidegate.wire.v1 import model_pb2

_KNOWN_BYTES: Final = 256  # larger ones aren't remembered


def is_plain_spec(data: bytes) -> bool:
    """False too for what is no ModelSpec. Most calls bring one that others brought before."""
    return _known(data) if len(data) <= _KNOWN_BYTES else _judge(data)


@lru_cache(maxsize=1024)
def _known(data: bytes) -> bool:
    return _judge(data)


def _judge(data: bytes) -> bool:
    try:
        spec = model_pb2.ModelSpec.FromString(data)
    except DecodeError:
        return False
    size = spec.ByteSize()
    spec.DiscardUnknownFields()
    return size == spec.ByteSize()
