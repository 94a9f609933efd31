"""What a failure upstream means for the callers it concerns: theirs to see, or a reason to try otherwise."""

from __future__ import annotations

from typing import Final

from gateway.errors import Failure, Fate, NoReplica, UpstreamFailed

# gRPC codes by which a replica judges the request itself: UNKNOWN, INVALID_ARGUMENT, FAILED_PRECONDITION, OUT_OF_RANGE,
# UNIMPLEMENTED, INTERNAL. The others tell of load, time or versions.
_JUDGING_CODES: Final = frozenset({2, 3, 9, 11, 12, 13})
_NOT_FOUND: Final = 5  # a version that the gateway chose is gone, which the fallback resolves anew
_RESOURCE_EXHAUSTED: Final = 8
_FULL_HOUSE: Final = "Server Threadpool Exhausted"


def judges(failure: Failure | None) -> bool:
    """Whether a join's failure speaks against joining: the replica refused it, or died of it."""
    if not isinstance(failure, UpstreamFailed):
        return False
    return failure.fate is Fate.LOST or (failure.fate is Fate.ANSWERED and failure.code in _JUDGING_CODES)


def wants_another_try(failure: Failure) -> bool:
    """Whether a lone call goes on by the fallback: its replica died, or its version went away."""
    if isinstance(failure, UpstreamFailed):
        return failure.fate is Fate.LOST or failure.code == _NOT_FOUND
    return isinstance(failure, NoReplica)


def wants_members_alone(failure: Failure) -> bool:
    """Whether a failed join's members are tried singly: one of them, or their joint size, may be the cause.

    Not so for a replica that has no room or no time: sixty-four calls in the place of one would make that worse.
    """
    if judges(failure) or wants_another_try(failure):
        return True
    too_large = isinstance(failure, UpstreamFailed) and failure.code == _RESOURCE_EXHAUSTED
    return too_large and _FULL_HOUSE not in failure.message
