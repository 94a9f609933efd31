"""The one table from expected failures to gRPC status codes."""

from __future__ import annotations

import enum

from gateway import errors


class Code(enum.IntEnum):
    """gRPC status codes, by their numbers on the wire (grpc/grpc doc/statuscodes.md)."""

    OK = 0
    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


CODES: dict[type[errors.Failure], Code] = {
    errors.MalformedRequest: Code.INTERNAL,  # what gRPC servers answer when a request can't be parsed
    errors.InvalidRequest: Code.INVALID_ARGUMENT,
    errors.UnknownServable: Code.NOT_FOUND,
    errors.UnknownModel: Code.NOT_FOUND,
    errors.UnknownSignature: Code.FAILED_PRECONDITION,
    errors.Shed: Code.RESOURCE_EXHAUSTED,
    errors.NoReplica: Code.UNAVAILABLE,
    errors.DeadlineExceeded: Code.DEADLINE_EXCEEDED,
    errors.SuspectRefused: Code.UNAVAILABLE,
    errors.NotAllowed: Code.PERMISSION_DENIED,
    errors.UnknownMethod: Code.UNIMPLEMENTED,
    errors.Internal: Code.INTERNAL,
}

MAX_MESSAGE_CHARS = 1024
TRUNCATED = "...TRUNCATED"


def status_of(failure: errors.Failure) -> tuple[Code, str]:
    """Code and message for the client; messages are cut where TensorFlow Serving cuts them."""
    message = failure.message
    if isinstance(failure, errors.UpstreamFailed):
        return (Code(failure.code) if failure.code in _NUMBERS else Code.UNKNOWN), message
    if len(message) > MAX_MESSAGE_CHARS:
        message = message[:MAX_MESSAGE_CHARS] + TRUNCATED
    return CODES[type(failure)], message


_NUMBERS = frozenset(int(code) for code in Code)
