"""Whether one Predict may be joined with others, and if so its normalised inputs."""

from __future__ import annotations

from typing import Final

from gateway.batching.key import LaneKey
from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.wire.inputs import read_values
from gateway.wire.reasons import Unjoined
from gateway.wire.signature import DEFAULT_SIGNATURE, Signature
from gateway.wire.spec import SpecView, ValuePlace
from gateway.wire.tensor import VALUES_NUMBER, Features, Head, Values
from protos.stubs.tidegate.wire.v1 import predict_pb2, tensor_pb2

TENSOR_CONTENT: Final = 4  # TensorProto's field
MAX_KNOWN: Final = 16  # signatures that a form of request remembers how it joins
# A few bytes can stand for very many (one value and a shape). Such a request is worth its own call, which expands it in
# the model server; here it may become so many bytes, or so many times the request's, whichever is more.
ALWAYS_EXPANDED_BYTES: Final = 64 * 1024
MAX_EXPANSION: Final = 16  # a varint of one byte becomes an int64
# Refusals that don't depend on values: they hold for every request of a form.
_OF_FORM: Final = frozenset(Unjoined) - {Unjoined.VALUES, Unjoined.STRING, Unjoined.TOO_LARGE}


class Joinable:
    """A request's share of a batch: `rows` rows, `nbytes` of `values`, in the lane of `key`.

    `places`: where the values of requests of the same form lie, if these are their rows exactly as they come.
    """

    __slots__ = ("features", "key", "nbytes", "places", "policy", "rows", "values")

    def __init__(
        self,
        key: LaneKey,
        policy: BatchPolicy,
        features: Features,
        rows: int,
        nbytes: int,
        values: Values,
        places: tuple[ValuePlace, ...] | None,
    ) -> None:
        self.key = key
        self.policy = policy
        self.features = features
        self.rows = rows
        self.nbytes = nbytes
        self.values = values
        self.places = places


class _Refused:
    """That no request of the form is joined under `policy`."""

    __slots__ = ("policy", "reason")

    def __init__(self, policy: BatchPolicy, reason: Unjoined) -> None:
        self.policy = policy
        self.reason = reason


def joinable(
    message: bytes,
    view: SpecView,
    signature: Signature,
    policy: BatchPolicy,
    upstream: str,
    model: str,
    version: int,
) -> Joinable | Unjoined:
    """What a Predict brings into its lane, or why it travels alone. `signature` is that of `version` alone.

    `view` is what gateway.wire.spec.peek or gateway.wire.forms read of it; what is found of one call of a form serves
    the others, so that of most calls only the values are copied.
    Raises: InvalidRequest if tensor_content is not what dtype and shape say.
    """
    known = view.joins.get(signature)
    if isinstance(known, Joinable):
        if known.policy is policy and known.places is not None:
            return Joinable(
                known.key, policy, known.features, known.rows, known.nbytes, _cut(message, known.places), None
            )
    elif isinstance(known, _Refused) and known.policy is policy:
        return known.reason
    found = _judge(message, view, signature, policy, upstream, model, version)
    if view.places is not None and not view.has_strings:
        _remember(view, signature, policy, found)
    return found


def _cut(message: bytes, places: tuple[ValuePlace, ...]) -> Values:
    if len(places) == 1:
        _, begin, end = places[0]
        return (message[begin:end],)
    return tuple([message[begin:end] for _, begin, end in places])


def _judge(
    message: bytes,
    view: SpecView,
    signature: Signature,
    policy: BatchPolicy,
    upstream: str,
    model: str,
    version: int,
) -> Joinable | Unjoined:
    if policy.mode is BatchMode.OFF:
        return Unjoined.BATCHING_OFF
    heads, request = view.heads, view.request
    if request is None:
        request = predict_pb2.PredictRequest.FromString(message)
    if len(request.output_filter) > len(signature.outputs):  # repeated or unknown ones are among them
        return Unjoined.OUTPUT_FILTER
    output_filter = tuple(sorted(request.output_filter))
    refusal = _judge_signature(signature, output_filter) or _judge_heads(signature, heads, policy)
    if refusal is not None:
        return refusal
    rows = heads[0][2][0]
    values = read_values(message, request, heads, _most_bytes(policy, rows, len(message)))
    if isinstance(values, Unjoined):
        return values
    features = tuple([(alias, dtype, shape[1:]) for alias, dtype, shape in heads])
    shown = _lane_features(features, signature) if policy.pad_variable_length_inputs else features
    key = LaneKey(upstream, model, version, view.signature_name or DEFAULT_SIGNATURE, output_filter, shown)
    nbytes = sum([len(data) for data in values])
    return Joinable(key, policy, features, rows, nbytes, values, _sure_places(message, view, values))


def _lane_features(features: Features, signature: Signature) -> Features:
    """-1 for every dimension that the signature leaves open, as such inputs are padded to meet."""
    return tuple([(alias, dtype, _opened(signature, alias, shape)) for alias, dtype, shape in features])


def _opened(signature: Signature, alias: str, shape: tuple[int, ...]) -> tuple[int, ...]:
    wanted = signature.inputs[alias].shape or ()
    return tuple([-1 if known < 0 else size for size, known in zip(shape, wanted[1:], strict=True)])


def _sure_places(message: bytes, view: SpecView, values: Values) -> tuple[ValuePlace, ...] | None:
    """The places of values, if whatever stands there is what would be read: in the dtype's own field or in
    tensor_content, and as many bytes as the shape says. Not for bools, as not every byte is one.
    """
    places = view.places
    if places is None or _cut(message, places) != values:
        return None
    for (_, dtype, _), (number, _, _) in zip(view.heads, places, strict=True):
        if dtype == tensor_pb2.DT_BOOL or number not in (TENSOR_CONTENT, VALUES_NUMBER.get(dtype)):
            return None
    return places


def _remember(view: SpecView, signature: Signature, policy: BatchPolicy, found: Joinable | Unjoined) -> None:
    if len(view.joins) >= MAX_KNOWN:
        view.joins.clear()
    if isinstance(found, Unjoined):
        if found in _OF_FORM:
            view.joins[signature] = _Refused(policy, found)
    elif found.places is not None:
        template = Joinable(found.key, policy, found.features, found.rows, found.nbytes, (), found.places)
        view.joins[signature] = template


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
    return Unjoined.TOO_MANY_ROWS if rows is not None and rows > _most_rows(policy) else None


def _most_bytes(policy: BatchPolicy, rows: int, message_bytes: int) -> int:
    """Of one request's values: a batch's, or of all its pieces if it will be split; little that the request has not."""
    batches = 1 if rows <= policy.execution_rows else policy.max_enqueued_batches
    return min(policy.max_batch_bytes * batches, max(ALWAYS_EXPANDED_BYTES, MAX_EXPANSION * message_bytes))


def _most_rows(policy: BatchPolicy) -> int:
    """Of one request: a batch's, or as many as may wait when large ones are split."""
    if policy.enable_large_batch_splitting:
        return policy.execution_rows * policy.max_enqueued_batches
    return policy.max_batch_size
