"""Whether one Predict may be joined with others, and if so its normalised inputs."""

from __future__ import annotations

from gateway.batching.key import Features, LaneKey
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.wire.reasons import Unjoined
from gateway.wire.signature import DEFAULT_SIGNATURE, Signature
from gateway.wire.spec import SpecView
from gateway.wire.tensor import Head, RawTensor, normalise
from protos.stubs.tidegate.wire.v1 import predict_pb2


class Joinable:
    """A request's share of a batch: `rows` rows, `nbytes` of values in `inputs` by alias."""

    __slots__ = ("features", "inputs", "nbytes", "output_filter", "rows", "signature_name")

    def __init__(
        self,
        signature_name: str,
        output_filter: tuple[str, ...],
        features: Features,
        inputs: dict[str, RawTensor],
        rows: int,
        nbytes: int,
    ) -> None:
        self.signature_name = signature_name
        self.output_filter = output_filter
        self.features = features
        self.inputs = inputs
        self.rows = rows
        self.nbytes = nbytes

    def lane_key(self, upstream: str, model: str, version: int) -> LaneKey:
        return LaneKey(upstream, model, version, self.signature_name, self.output_filter, self.features)


def joinable(message: bytes, view: SpecView, signature: Signature, policy: BatchPolicy) -> Joinable | Unjoined:
    """What a Predict brings into its lane, or why it travels alone.

    `view` is what gateway.wire.spec.peek or gateway.wire.forms read of it. Unknown fields of the parsed request are
    discarded; the message keeps them.
    Raises: InvalidRequest if tensor_content is not what dtype and shape say.
    """
    if policy.mode is BatchMode.OFF:
        return Unjoined.BATCHING_OFF
    heads, request = view.heads, view.request
    if request is None:
        request = predict_pb2.PredictRequest.FromString(message)
    output_filter = tuple(sorted(request.output_filter))
    refusal = _judge_signature(signature, output_filter) or _judge_heads(signature, heads, policy)
    if refusal is not None:
        return refusal
    # What is lost by reading packed lists as bytes (values in several chunks or unpacked) and what we have no name for
    # shows in the size.
    request.DiscardUnknownFields()
    if request.ByteSize() != len(message):
        return Unjoined.UNUSUAL_ENCODING
    inputs = _normalise_inputs(request, heads, policy.max_batch_bytes)
    if isinstance(inputs, Unjoined):
        return inputs
    nbytes = sum([len(tensor.data) for tensor in inputs.values()])
    if nbytes > policy.max_batch_bytes:
        return Unjoined.TOO_LARGE
    features = tuple([(alias, dtype, shape[1:]) for alias, dtype, shape in heads])
    name = view.signature_name or DEFAULT_SIGNATURE
    return Joinable(name, output_filter, features, inputs, heads[0][2][0], nbytes)


def _judge_signature(signature: Signature, output_filter: tuple[str, ...]) -> Unjoined | None:
    """Every input and every wanted output must have the row axis."""
    if not output_filter:
        rowwise = len(signature.rowwise_outputs) == len(signature.outputs)
    elif len(set(output_filter)) < len(output_filter) or not signature.outputs.keys() >= set(output_filter):
        return Unjoined.OUTPUT_FILTER
    else:
        rowwise = signature.rowwise_outputs.issuperset(output_filter)
    return None if rowwise and signature.rowwise_inputs else Unjoined.SIGNATURE


def _judge_heads(signature: Signature, heads: tuple[Head, ...], policy: BatchPolicy) -> Unjoined | None:
    """All inputs there, with the signature's dtype and rank (others must not meet), and equally many rows."""
    if not heads or len(heads) != len(signature.inputs):
        return Unjoined.INPUTS
    rows = None
    for alias, dtype, shape in heads:
        if not shape:
            return Unjoined.SCALAR
        spec = signature.inputs.get(alias)
        if spec is None or spec.shape is None or spec.dtype != dtype or len(spec.shape) != len(shape):
            return Unjoined.INPUTS
        if rows is None:
            rows = shape[0]
        elif shape[0] != rows:
            return Unjoined.UNEQUAL_ROWS
    return Unjoined.TOO_MANY_ROWS if rows is not None and rows > policy.max_batch_size else None


def _normalise_inputs(
    request: predict_pb2.PredictRequest, heads: tuple[Head, ...], max_bytes: int
) -> dict[str, RawTensor] | Unjoined:
    inputs: dict[str, RawTensor] = {}
    for alias, _, shape in heads:
        tensor = normalise(request.inputs[alias], alias, max_bytes, shape)
        if isinstance(tensor, Unjoined):
            return tensor
        inputs[alias] = tensor
    return inputs
