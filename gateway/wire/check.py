"""The pure half of the query-of-death shield: what may reach a model, judged without touching a value.

A wrong rank aborts a whole TensorFlow Serving process, and one float said to be 2^46 x 64 stalls it. So names, dtypes,
ranks, known dimensions and the size a tensor will have once expanded are checked against the signature first.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from functools import lru_cache
from math import prod

from gateway.errors import InvalidRequest, UnknownSignature
from gateway.wire.dtype import dtype_name, element_bytes
from gateway.wire.signature import DEFAULT_SIGNATURE, Signature, TensorSpec
from gateway.wire.spec import SpecView
from gateway.wire.tensor import Head
from protos.stubs.tidegate.wire.v1 import tensor_pb2

_MAX_RANK = 254  # TensorFlow's


def check_inputs(view: SpecView, signature: Signature | None, max_tensor_bytes: int) -> None:
    """Refuse a Predict that would fail or hurt the model.

    `signature` is None if the version has none of the name asked for; `max_tensor_bytes` bounds each input expanded.
    Raises: UnknownSignature; InvalidRequest, in TensorFlow Serving's words for names and unparsable shapes, in ours
    (all problems at once) for dtype, rank, dimensions and size, where it has none.
    """
    name = view.signature_name or DEFAULT_SIGNATURE
    if signature is None:
        raise UnknownSignature(name)
    _judge_heads(signature, name, view.heads, max_tensor_bytes)
    if view.has_strings:
        check_sizes(view, max_tensor_bytes, f' of signature "{name}"')


def check_sizes(view: SpecView, max_tensor_bytes: int, where: str = "") -> None:
    """All that can be checked where no signature is known, and all that is where checking against it is turned off.

    Raises: InvalidRequest for inputs that expand to more than `max_tensor_bytes`, all at once, and in TensorFlow
    Serving's words for shapes that it can't parse.
    """
    problems = []
    for alias, dtype, shape in view.heads:
        count = _element_count(alias, shape)
        size = count * element_bytes(dtype)
        if dtype == tensor_pb2.DT_STRING:
            assert view.request is not None, "a view that has strings is never shared"
            size = _string_bytes(view.request.inputs[alias], count)
        if size > max_tensor_bytes:
            problems.append(f'input "{alias}"{where}: {_too_large(shape, size, max_tensor_bytes)}')
    if problems:
        raise InvalidRequest("; ".join(problems))


@lru_cache(maxsize=4096)
def _judge_heads(signature: Signature, signature_name: str, heads: tuple[Head, ...], max_tensor_bytes: int) -> None:
    """Raise for what the heads alone tell. Most calls look like one before them, and what passed once passes again."""
    wanted = signature.inputs
    if len(heads) != len(wanted) or any(head[0] not in wanted for head in heads):
        _check_names(signature, {head[0] for head in heads})
    problems = []
    for alias, dtype, shape in heads:
        size = _element_count(alias, shape) * element_bytes(dtype)
        problem = _compare(dtype, shape, wanted[alias])
        if problem is None and size > max_tensor_bytes:
            problem = _too_large(shape, size, max_tensor_bytes)
        if problem is not None:
            problems.append(_problem(alias, signature_name, problem))
    if problems:
        raise InvalidRequest("; ".join(problems))


def fingerprint(view: SpecView) -> tuple[str, str, tuple[Head, ...]]:
    """What Predicts that look alike have in common: model, signature, and each input's alias, dtype and shape."""
    return (view.name, view.signature_name or DEFAULT_SIGNATURE, view.heads)


def _check_names(signature: Signature, sent: Set[str]) -> None:
    """TensorFlow Serving's rules and words: the count first, then what is missing, then what is too much."""
    wanted = signature.inputs.keys()
    missing = sorted(wanted - sent)
    if len(sent) > len(wanted) or (len(sent) < len(wanted) and not signature.defaults):
        raise InvalidRequest(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({{{_list(sent)}}}) != "
            f"len({{{_list(wanted)}}}). Sent extra: {{{_list(sent - wanted)}}}. "
            f"Missing but required: {{{_list(missing)}}}."
        )
    for alias in missing:
        if alias not in signature.defaults:
            raise InvalidRequest(
                f"Signature input alias: {alias}(feed name: {signature.inputs[alias].feed}) not found in request and "
                f"no default value provided. Inputs expected to be in the request {{{_list(sent)}}}, or default input "
                f"alias set: {_list(signature.defaults)}"
            )
    if sent - wanted:
        raise InvalidRequest(
            f"Inputs contains invalid name. Used request inputs: {_list(sent & wanted)}, request input: {_list(sent)}"
        )


def _element_count(alias: str, shape: tuple[int, ...]) -> int:
    """How many elements `shape` says, dimensions of 0 left out; raises InvalidRequest where TensorFlow cannot parse it.

    A tensor of no elements is no proof of a small one: a sum over the empty axis of (2^30,0) has 2^30 elements.
    """
    if len(shape) <= _MAX_RANK and min(shape, default=0) >= 0:  # of millions of dimensions no product is made
        count = prod(shape) or prod([size or 1 for size in shape])
        if count < 2**63:
            return count
    raise InvalidRequest(f"tensor parsing error: {alias}")


def _string_bytes(tensor: tensor_pb2.TensorProto, count: int) -> int:
    """Memory of a string tensor once the last of a short list is repeated."""
    strings = tensor.string_val
    repeated = max(0, count - len(strings)) * len(strings[-1]) if strings else 0
    return count * element_bytes(tensor_pb2.DT_STRING) + tensor.ByteSize() + repeated


def _compare(dtype: int, shape: tuple[int, ...], spec: TensorSpec) -> str | None:
    """What is wrong with a tensor, or None. A dimension the signature does not know may be anything."""
    if dtype != spec.dtype:
        return f"{dtype_name(dtype)} came, {dtype_name(spec.dtype)} is wanted"
    wanted = spec.shape
    if wanted is None:
        return None
    if len(shape) != len(wanted):
        hint = " (is the batch dimension missing?)" if shape == wanted[1:] or len(shape) == len(wanted) - 1 else ""
        return (
            f"rank {len(shape)}, shape {_text(shape)} came, rank {len(wanted)}, shape {_text(wanted)} is wanted{hint}"
        )
    for came, known in zip(shape, wanted, strict=True):
        if came != known and known >= 0:
            return f"shape {_text(shape)} came, {_text(wanted)} is wanted"
    return None


def _problem(alias: str, signature_name: str, problem: str) -> str:
    return f'input "{alias}" of signature "{signature_name}": {problem}'


def _too_large(shape: tuple[int, ...], size: int, max_tensor_bytes: int) -> str:
    return f"shape {_text(shape)} expands to {size} bytes, at most {max_tensor_bytes} are allowed"


def _text(shape: tuple[int, ...]) -> str:
    return "(" + ",".join("?" if size < 0 else str(size) for size in shape) + ")"


def _list(aliases: Iterable[str]) -> str:
    return ",".join(sorted(aliases))
