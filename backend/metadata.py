"""GetModelMetadata and GetModelStatus: what a model looks like and how its versions are."""

from __future__ import annotations

from typing import Any

from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2

from backend.core import Core
from backend.errors import Code, ServingError, invalid_argument
from backend.statusboard import StatusBoard

SIGNATURE_DEF = "signature_def"


def get_model_metadata(core: Core, request: Any) -> Any:
    """All signatures of a loaded version; the reply's model_spec has name and version, no signature."""
    if not request.metadata_field:
        raise invalid_argument("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != SIGNATURE_DEF:
            raise invalid_argument(f"Metadata field {field} is not supported")
    signatures = get_model_metadata_pb2.SignatureDefMap()
    reply = get_model_metadata_pb2.GetModelMetadataResponse()
    with core.hold(request.model_spec) as (name, version, model):
        for key, definition in model.signature_defs.items():
            signatures.signature_def[key].CopyFrom(definition)
        reply.model_spec.name = name
        reply.model_spec.version.value = version
    reply.metadata[SIGNATURE_DEF].Pack(signatures)
    return reply


def get_model_status(board: StatusBoard, request: Any) -> Any:
    """The states of one version or of all, highest first; a version label is ignored."""
    spec = request.model_spec
    statuses = board.versions(spec.name)
    if spec.WhichOneof("version_choice") == "version":
        wanted = spec.version.value
        if wanted not in statuses:
            raise ServingError(Code.NOT_FOUND, f"Could not find version {wanted} of model {spec.name}")
        statuses = {wanted: statuses[wanted]}
    if not statuses:
        raise ServingError(Code.NOT_FOUND, f"Could not find any versions of model {spec.name}")
    reply = get_model_status_pb2.GetModelStatusResponse()
    for version, status in sorted(statuses.items(), reverse=True):
        entry = reply.model_version_status.add(version=version, state=int(status.state))
        entry.status.error_code = int(status.code)
        entry.status.error_message = status.error
    return reply
