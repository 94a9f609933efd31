"""PURE half of asking all replicas: merges what N of them said of a model's versions into one answer."""

from __future__ import annotations

from collections.abc import Iterable

from gateway.errors import Fate, UpstreamFailed
from gateway.upstream.replica import AVAILABLE, END, VersionState
from protos.stubs.tidegate.wire.v1 import management_pb2, model_pb2

# How far a version has come, when none has it AVAILABLE: loading counts for more than leaving, leaving more than gone.
_ADVANCE = {0: 0, 10: 2, 20: 3, AVAILABLE: 5, 40: 4, END: 1}


def states_of(reply: bytes) -> dict[int, VersionState]:
    """Version -> state from a GetModelStatusResponse. Raises: google.protobuf.message.DecodeError."""
    response = management_pb2.GetModelStatusResponse.FromString(reply)
    return {
        entry.version: VersionState(entry.state, entry.status.error_message if entry.status.error_code else "")
        for entry in response.model_version_status
    }


def merge_statuses(replies: Iterable[bytes]) -> bytes:
    """One GetModelStatusResponse: AVAILABLE if one replica has it so, else the most advanced state, newest first."""
    best: dict[int, management_pb2.ModelVersionStatus] = {}
    for reply in replies:
        for entry in management_pb2.GetModelStatusResponse.FromString(reply).model_version_status:
            known = best.get(entry.version)
            if known is None or _ADVANCE.get(entry.state, 0) > _ADVANCE.get(known.state, 0):
                best[entry.version] = entry
    merged = management_pb2.GetModelStatusResponse(
        model_version_status=[best[version] for version in sorted(best, reverse=True)]
    )
    return merged.SerializeToString()


def reload_problem(reply: bytes) -> UpstreamFailed | None:
    """What a ReloadConfigResponse says went wrong, or None: it may refuse inside an OK answer."""
    status = management_pb2.ReloadConfigResponse.FromString(reply).status
    return UpstreamFailed(status.error_code, status.error_message, Fate.ANSWERED) if status.error_code else None


def status_request(model: str) -> bytes:
    """A GetModelStatusRequest for all versions of the model."""
    return management_pb2.GetModelStatusRequest(model_spec=model_pb2.ModelSpec(name=model)).SerializeToString()
