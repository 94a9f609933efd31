"""The shield at work: a Predict's inputs held against the signature of the version it will reach."""

from __future__ import annotations

from gateway.errors import Failure, UnknownSignature
from gateway.predict.context import Context
from gateway.routing.route import Choice, ModelRoute
from gateway.wire.check import check_inputs, check_sizes
from gateway.wire.signature import DEFAULT_SIGNATURE, Signature
from gateway.wire.spec import SpecView

MAX_PASSED = 16  # versions that a form of request remembers it fits


def inspect(context: Context, route: ModelRoute, choice: Choice, view: SpecView) -> Signature | None:
    """The signature of the chosen version; None while its metadata is unknown.

    Raises: UnknownSignature or InvalidRequest for what must not reach the model.
    """
    version = choice.version
    signatures = None if version is None else context.catalog.find(route.upstream, route.name, version)
    signature = None if signatures is None else signatures.get(view.signature_name or DEFAULT_SIGNATURE)
    if signature is not None and view.passed.get(signature) is context.shield:
        return signature  # as a call of the same form did before
    try:
        if version is None:
            _against_all(context, route, view)
        elif signatures is None or (signature is not None and not context.shield.check_inputs):
            check_sizes(view, context.shield.max_tensor_bytes)
        else:
            _against(context, route, version, signature, view)
    except Failure as failure:
        reason = "signature" if isinstance(failure, UnknownSignature) else "inputs"
        context.counters.shield_refused.add((route.name, reason))
        raise
    if signature is not None and not view.has_strings:
        if len(view.passed) >= MAX_PASSED:
            view.passed.clear()
        view.passed[signature] = context.shield
    return signature


def _against(context: Context, route: ModelRoute, version: int, signature: Signature | None, view: SpecView) -> None:
    try:
        check_inputs(view, signature, context.shield.max_tensor_bytes)
    except Failure as failure:
        failure.against_version = version != route.version and _promoted_takes(context, route, view)
        raise


def _promoted_takes(context: Context, route: ModelRoute, view: SpecView) -> bool:
    """Whether what another version refused would pass on the promoted one: then it isn't the caller who is wrong."""
    if route.version is None:
        return False
    signatures = context.catalog.find(route.upstream, route.name, route.version)
    if signatures is None:
        return True  # it would pass unchecked
    try:
        check_inputs(view, signatures.get(view.signature_name or DEFAULT_SIGNATURE), context.shield.max_tensor_bytes)
    except Failure:
        return False
    return True


def _against_all(context: Context, route: ModelRoute, view: SpecView) -> None:
    """The version is the replica's to choose (a label of its own): refuse only what fits none of its versions."""
    check_sizes(view, context.shield.max_tensor_bytes)
    upstream = context.upstreams[route.upstream]
    versions = frozenset[int]().union(*(replica.available(route.name) for replica in upstream.up))
    known = [context.catalog.find(route.upstream, route.name, version) for version in versions]
    name = view.signature_name or DEFAULT_SIGNATURE
    refusals: list[Failure] = []
    for signatures in known:
        if signatures is None or not context.shield.check_inputs:
            return
        try:
            check_inputs(view, signatures.get(name), context.shield.max_tensor_bytes)
        except Failure as failure:
            refusals.append(failure)
        else:
            return
    if refusals:
        raise refusals[0]
