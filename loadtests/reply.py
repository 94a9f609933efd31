"""Judge one reply: is it a probability vector, from the model and version said, equal to the reference?"""

from __future__ import annotations

import math
from collections.abc import Mapping

from loadtests.wire import BadReply, Reply

ARM_HEADER = "tidegate-arm"
VERSION_HEADER = "tidegate-version"
SUM_TOLERANCE = 0.01
MAX_HEADER_CHARS = 100


def read_arm(headers: Mapping[str, str], reply: Reply, headers_wanted: bool) -> str:
    """The arm named in the response headers, "-" where a server without them (no gateway) answered.

    Raises: BadReply when a header is missing though wanted, or its version is not the reply's.
    """
    arm, version = headers.get(ARM_HEADER), headers.get(VERSION_HEADER)
    if arm is None or version is None:
        if headers_wanted or arm is not None or version is not None:
            missing = ARM_HEADER if arm is None else VERSION_HEADER
            raise BadReply(f"response header {missing} is missing")
        return "-"
    if version != str(reply.version):
        raise BadReply(f"header {VERSION_HEADER} says {version[:20]}, the reply's model_spec says {reply.version}")
    return arm[:MAX_HEADER_CHARS]


def check_scores(scores: tuple[float, ...]) -> None:
    """Refuse anything but a softmax vector: finite, each 0..1, summing to 1. Raises: BadReply."""
    if not all(map(math.isfinite, scores)):
        raise BadReply("scores are not finite")
    if min(scores) < 0 or max(scores) > 1 + SUM_TOLERANCE:
        raise BadReply("a score lies outside 0..1")
    total = math.fsum(scores)
    if abs(total - 1) > SUM_TOLERANCE:
        raise BadReply(f"scores sum to {total:.2f}, must sum to 1")


def check_model(reply: Reply, model: str) -> None:
    """Refuse a reply in another model's name. Raises: BadReply."""
    if reply.model != model:
        raise BadReply(f"reply names model {reply.model[:MAX_HEADER_CHARS]!r}, asked was {model!r}")


def best_label(scores: tuple[float, ...]) -> int:
    """The digit with the highest score."""
    return max(range(len(scores)), key=scores.__getitem__)
