"""The shield at work: a Predict's inputs held against the signature of the version it will reach."""

from __future__ import annotations

from gateway.errors import Failure, UnknownSignature
from gateway.predict.context import Context
from gateway.routing.route import Choice, ModelRoute
from gateway.wire.check import check_inputs, check_sizes
from gateway.wire.signature import DEFAULT_SIGNATURE, Signature
from gateway.wire.tensor import Head, read_heads
from protos.stubs.tidegate.wire.v1 import predict_pb2


def inspect(
    context: Context, route: ModelRoute, choice: Choice, signature_name: str, request: predict_pb2.PredictRequest
) -> tuple[Signature | None, tuple[Head, ...]]:
    """(the signature, or None while the version's metadata is unknown; the inputs' heads, sorted by alias).

    Raises: UnknownSignature or InvalidRequest for what must not reach the model.
    """
    try:
        return _inspect(context, route, choice.version, signature_name or DEFAULT_SIGNATURE, request)
    except Failure as failure:
        reason = "signature" if isinstance(failure, UnknownSignature) else "inputs"
        context.counters.shield_refused.add((route.name, reason))
        raise


def _inspect(
    context: Context, route: ModelRoute, version: int | None, name: str, request: predict_pb2.PredictRequest
) -> tuple[Signature | None, tuple[Head, ...]]:
    if version is None:
        return None, _against_all(context, route, name, request)
    signatures = context.catalog.find(route.upstream, route.name, version)
    if signatures is None:
        return None, _sized(context, request)
    signature = signatures.get(name)
    if not context.shield.check_inputs and signature is not None:
        return signature, _sized(context, request)
    try:
        return signature, check_inputs(request, signature, name, context.shield.max_tensor_bytes)
    except Failure as failure:
        failure.against_version = version != route.version and _promoted_takes(context, route, name, request)
        raise


def _sized(context: Context, request: predict_pb2.PredictRequest) -> tuple[Head, ...]:
    """The inputs' heads, where there is nothing to hold them against but the bound on their size."""
    heads = read_heads(request)
    check_sizes(request, heads, context.shield.max_tensor_bytes)
    return heads


def _promoted_takes(context: Context, route: ModelRoute, name: str, request: predict_pb2.PredictRequest) -> bool:
    """Whether what another version refused would pass on the promoted one: then it isn't the caller who is wrong."""
    if route.version is None:
        return False
    signatures = context.catalog.find(route.upstream, route.name, route.version)
    if signatures is None:
        return True  # it would pass unchecked
    try:
        check_inputs(request, signatures.get(name), name, context.shield.max_tensor_bytes)
    except Failure:
        return False
    return True


def _against_all(
    context: Context, route: ModelRoute, name: str, request: predict_pb2.PredictRequest
) -> tuple[Head, ...]:
    """The version is the replica's to choose (a label of its own): refuse only what fits none of its versions."""
    heads = _sized(context, request)
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
        raise refusals[0]
    return heads
