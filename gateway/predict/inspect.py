"""The shield at work: a Predict's inputs held against the signature of the version it will reach."""

from __future__ import annotations

from gateway.errors import Failure, UnknownSignature
from gateway.predict.context import Context
from gateway.routing.route import Choice, ModelRoute
from gateway.wire.check import check_inputs
from gateway.wire.signature import DEFAULT_SIGNATURE, Signature
from gateway.wire.tensor import Head, read_heads
from protos.stubs.tidegate.wire.v1 import predict_pb2


def inspect(
    context: Context, route: ModelRoute, choice: Choice, signature_name: str, request: predict_pb2.PredictRequest
) -> tuple[Signature | None, tuple[Head, ...]]:
    """(the signature, or None while the version's metadata is unknown; the inputs' heads, sorted by alias).

    Raises: UnknownSignature or InvalidRequest for what must not reach the model.
    """
    name = signature_name or DEFAULT_SIGNATURE
    if choice.version is None:
        return None, _against_all(context, route, name, request)
    signatures = context.catalog.find(route.upstream, route.name, choice.version)
    if signatures is None:
        return None, read_heads(request)
    signature = signatures.get(name)
    if not context.shield.check_inputs and signature is not None:
        return signature, read_heads(request)
    try:
        return signature, check_inputs(request, signature, name, context.shield.max_tensor_bytes)
    except Failure as failure:
        count_refusal(context, route.name, failure)
        raise


def _against_all(
    context: Context, route: ModelRoute, name: str, request: predict_pb2.PredictRequest
) -> tuple[Head, ...]:
    """The version is the replica's to choose (a label of its own): refuse only what fits none of its versions."""
    heads = read_heads(request)
    upstream = context.upstreams[route.upstream]
    versions = frozenset[int]().union(*(replica.available(route.name) for replica in upstream.up))
    known = [context.catalog.find(route.upstream, route.name, version) for version in versions]
    refusals: list[Failure] = []
    for signatures in known:
        if signatures is None or not context.shield.check_inputs:
            return heads
        try:
            return check_inputs(request, signatures.get(name), name, context.shield.max_tensor_bytes)
        except Failure as failure:
            refusals.append(failure)
    if refusals:
        count_refusal(context, route.name, refusals[0])
        raise refusals[0]
    return heads


def count_refusal(context: Context, model: str, failure: Failure) -> None:
    """Count a call that the shield kept from the replicas."""
    reason = "signature" if isinstance(failure, UnknownSignature) else "inputs"
    context.counters.shield_refused.add((model, reason))
