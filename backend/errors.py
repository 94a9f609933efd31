"""What a call can fail with: a status code and the text that TensorFlow Serving gives, which clients match on."""

from __future__ import annotations

import enum

MESSAGE_LIMIT_CHARS = 1024


class Code(enum.IntEnum):
    """The canonical status codes, by their number on the wire."""

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


class ServingError(Exception):
    """An expected failure of one call or one load; `message` is untruncated."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __str__(self) -> str:
        return f"{self.code.name}: {self.message}"


class StartError(Exception):
    """The server can't start; the text says why and what to do. The process exits with status 2."""


def truncated(message: str) -> str:
    """The message as it may travel in a gRPC status: at most 1024 characters and a mark."""
    if len(message) > MESSAGE_LIMIT_CHARS:
        return message[:MESSAGE_LIMIT_CHARS] + "...TRUNCATED"
    return message


def invalid_argument(message: str) -> ServingError:
    """The caller's request is wrong, whatever the server's state."""
    return ServingError(Code.INVALID_ARGUMENT, message)


def failed_precondition(message: str) -> ServingError:
    """The request can't be obeyed in the server's present state."""
    return ServingError(Code.FAILED_PRECONDITION, message)


def servable_not_found(name: str, version: int | None) -> ServingError:
    """No such version is AVAILABLE; without a version no version of that name is."""
    asked = f"Latest({name})" if version is None else f"Specific({name}, {version})"
    return ServingError(Code.NOT_FOUND, f"Servable not found for request: {asked}")


def tensor_parsing(alias: str) -> ServingError:
    """The tensor's bytes, dtype, shape or expanded size can't make a tensor."""
    return invalid_argument(f"tensor parsing error: {alias}")
