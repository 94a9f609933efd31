"""Every expected failure of a call, named by cause. No transport in here: server/status.py maps each to a gRPC code.

Where TensorFlow Serving has a wording, it is used to the letter: clients match on it.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence


class Failure(Exception):
    """Why a call gets no answer. `message` is what the client reads.

    `against_version`: whether it tells against the version the call was for, as a rollout's judge and `tidegate status`
    count. A caller's own mistake doesn't; of its refusals the shield decides one by one.
    """

    against_version: bool = True

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class MalformedRequest(Failure):
    """The bytes are no message of the method's request type."""

    against_version = False


class InvalidRequest(Failure):
    """The request breaks a rule that TensorFlow Serving would answer with INVALID_ARGUMENT."""

    against_version = False


class UnknownServable(Failure):
    """No such model or version anywhere."""

    against_version = False

    def __init__(self, name: str, version: int | None) -> None:
        wanted = f"Latest({name})" if version is None else f"Specific({name}, {version})"
        super().__init__(f"Servable not found for request: {wanted}")


class UnknownModel(Failure):
    """No versions to tell the status of (GetModelStatus words it unlike the other methods)."""

    against_version = False

    def __init__(self, name: str, version: int | None) -> None:
        wanted = "any versions" if version is None else f"version {version}"
        super().__init__(f"Could not find {wanted} of model {name}")


class UnknownSignature(Failure):
    """The version has no signature of that name (Predict's wording)."""

    against_version = False

    def __init__(self, name: str) -> None:
        super().__init__(f'Serving signature key "{name}" not found.')


class Shed(Failure):
    """A bound is reached: refused at once rather than queued without end."""


class NoReplica(Failure):
    """No replica is up that has the version."""


class DeadlineExceeded(Failure):
    """The caller's deadline passed before an answer came."""


class SuspectRefused(Failure):
    """The call was in flight when replicas died, or looks like one that was; it is not carried on."""


class NotAllowed(Failure):
    """The method is closed on this port."""

    against_version = False


class UnknownMethod(Failure):
    """Neither PredictionService nor ModelService has this method."""

    against_version = False


class Internal(Failure):
    """A bug of ours, told without its insides."""


class Fate(enum.Enum):
    """What became of a message handed to a replica."""

    ANSWERED = "answered"  # the replica itself answered with an error
    REFUSED = "refused"  # it never left: no connection, or the replica refused the stream unseen
    LOST = "lost"  # the connection died while the call was in flight: the call is a suspect


class UpstreamFailed(Failure):
    """A replica's own error, passed through: `code` is its gRPC status number, `trailers` what it sent along."""

    def __init__(self, code: int, message: str, fate: Fate, trailers: Sequence[tuple[str, str | bytes]] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.fate = fate
        self.trailers = tuple(trailers)
        self.reached = fate is not Fate.REFUSED  # whether there was a connection to the replica
        self.origin: object | None = None  # the replica it came from, for those who must avoid it
