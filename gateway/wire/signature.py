"""What a model version says about its signatures, from GetModelMetadata."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from gateway.errors import Internal
from gateway.wire.join import pinned_spec
from protos.stubs.tidegate.wire.v1 import metadata_pb2, signature_pb2

DEFAULT_SIGNATURE = "serving_default"
_FIELD = "signature_def"


@dataclass(frozen=True)
class TensorSpec:
    """`shape` has -1 where a dimension is unknown and is None where the rank is; `feed` is the graph's tensor name."""

    dtype: int
    shape: tuple[int, ...] | None
    feed: str = ""

    @property
    def has_row_axis(self) -> bool:
        """The first dimension may be any number of rows."""
        return bool(self.shape) and self.shape is not None and self.shape[0] == -1


@dataclass(frozen=True, eq=False)
class Signature:
    """Aliases to tensors; `defaults` are the input aliases a caller may leave out. Compared and hashed by identity."""

    inputs: Mapping[str, TensorSpec]
    outputs: Mapping[str, TensorSpec]
    method_name: str = ""
    defaults: frozenset[str] = frozenset()
    rowwise_inputs: bool = field(init=False)
    rowwise_outputs: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        """Work out once what every call asks: do all inputs, and which outputs, have a row axis."""
        object.__setattr__(self, "rowwise_inputs", all(spec.has_row_axis for spec in self.inputs.values()))
        rowwise = frozenset(alias for alias, spec in self.outputs.items() if spec.has_row_axis)
        object.__setattr__(self, "rowwise_outputs", rowwise)


def metadata_request(model: str, version: int) -> bytes:
    """A GetModelMetadataRequest for the signatures of one version."""
    spec = pinned_spec(model, version, "")
    return metadata_pb2.GetModelMetadataRequest(model_spec=spec, metadata_field=[_FIELD]).SerializeToString()


def signatures_from_metadata(reply: bytes) -> dict[str, Signature]:
    """The signatures in a GetModelMetadataResponse, by name.

    Raises: Internal if the reply is no such message or has no signatures: a replica that breaks the protocol.
    """
    signatures = metadata_pb2.SignatureDefMap()
    try:
        metadata = metadata_pb2.GetModelMetadataResponse.FromString(reply).metadata
        if _FIELD not in metadata:
            raise Internal(f"a replica's model metadata has no {_FIELD!r}, only {sorted(metadata)}")
        signatures.ParseFromString(metadata[_FIELD].value)
    except DecodeError as error:
        raise Internal(f"a replica's model metadata is unreadable: {error}") from error
    return {name: _signature(entry) for name, entry in signatures.signature_def.items()}


def _signature(entry: signature_pb2.SignatureDef) -> Signature:
    return Signature(
        inputs={alias: _tensor_spec(info) for alias, info in entry.inputs.items()},
        outputs={alias: _tensor_spec(info) for alias, info in entry.outputs.items()},
        method_name=entry.method_name,
        defaults=frozenset(entry.defaults),
    )


def _tensor_spec(info: signature_pb2.TensorInfo) -> TensorSpec:
    """Composite tensors (sparse, ragged) have no name and no shape of their own: their rank counts as unknown."""
    if not info.name or info.tensor_shape.unknown_rank:
        return TensorSpec(info.dtype, None, info.name)
    return TensorSpec(info.dtype, tuple(dim.size for dim in info.tensor_shape.dim), info.name)
