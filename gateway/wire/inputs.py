"""A Predict's inputs as exactly their rows, read from its bytes, where no encoding loses anything."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import Final

from gateway.wire.dtype import LAYOUTS
from gateway.wire.plain import is_plain_spec
from gateway.wire.reasons import Unjoined
from gateway.wire.tensor import DT_STRING, EMPTY_STRING, LISTED_DTYPES, Head, Values
from gateway.wire.values import MOST_FIELDS, MOST_LISTED, read_tensor
from gateway.wire.walk import UnusualEncoding, field_at
from protos.stubs.tidegate.wire.v1 import predict_pb2

# Tags of PredictRequest, and of an entry of its map of inputs; all length-delimited.
_MODEL_SPEC: Final = 1 << 3 | 2
_INPUTS: Final = 2 << 3 | 2
_OTHERS: Final = frozenset({3 << 3 | 2, 6 << 3 | 2})  # output_filter, client_id
_KEY: Final = 1 << 3 | 2
_VALUE: Final = 2 << 3 | 2

Places = dict[bytes, tuple[int, int]]  # alias -> where its TensorProto begins and ends


def read_values(
    message: bytes, request: predict_pb2.PredictRequest | None, heads: tuple[Head, ...], max_bytes: int
) -> Values | Unjoined:
    """The inputs of a well-formed Predict in the order of `heads`, or why it isn't joined.

    `heads` are what the parser read of `message`; `request`, if given, is what it made of it (unknown fields may have
    been discarded). All inputs expanded, together, are at most `max_bytes`: known before anything is allocated.
    Raises: InvalidRequest in TensorFlow Serving's words if a tensor_content is not what dtype and shape say.
    """
    numbers = expanded_bytes(heads, max_bytes)
    if isinstance(numbers, Unjoined):
        return numbers
    left = max_bytes - numbers  # for strings
    values = []
    try:
        places = _places(message)
        if len(places) != len(heads):
            return Unjoined.UNUSUAL_ENCODING
        for alias, dtype, shape in heads:
            begin, end = places[alias.encode()]
            parsed = request.inputs[alias] if request is not None and dtype in LISTED_DTYPES else None
            data = read_tensor(message, begin, end, alias, dtype, shape, left, parsed)
            if isinstance(data, Unjoined):
                return data
            if dtype == DT_STRING:
                left -= len(data)
            values.append(data)
    except (IndexError, KeyError, UnusualEncoding):
        return Unjoined.UNUSUAL_ENCODING
    return tuple(values)


@lru_cache(maxsize=4096)
def expanded_bytes(heads: tuple[Head, ...], max_bytes: int) -> int | Unjoined:
    """Bytes of all numbers once expanded; or why inputs that look like this are not joined. Strings count as empty
    ones in the comparison with `max_bytes`, and not at all in the result.
    """
    numbers, strings = 0, 0
    for _, dtype, shape in heads:
        layout = LAYOUTS.get(dtype)
        if layout is None and dtype != DT_STRING:
            return Unjoined.DTYPE
        if not shape:
            return Unjoined.SCALAR
        least = min(shape)
        if least <= 0:
            return Unjoined.NEGATIVE_DIM if least < 0 else Unjoined.EMPTY
        count = prod(shape)
        if layout is not None:
            numbers += count * layout.size
        elif count > MOST_LISTED:
            return Unjoined.TOO_LARGE
        else:
            strings += count * len(EMPTY_STRING)
    return Unjoined.TOO_LARGE if numbers + strings > max_bytes else numbers


def _places(message: bytes) -> dict[bytes, tuple[int, int]]:
    """Where the TensorProto of each input begins and ends, by alias.

    Raises: UnusualEncoding for fields that would be lost by a join, aliases that come twice, more than MOST_FIELDS
    fields, the output filter's among them, and what isn't understood.
    """
    places: dict[bytes, tuple[int, int]] = {}
    at, end, left = 0, len(message), MOST_FIELDS
    while at < end:
        if not left:
            raise UnusualEncoding("more fields than a client needs")
        left -= 1
        tag, begin, at = field_at(message, at, end)
        if tag == _INPUTS:
            first, start, middle = field_at(message, begin, at)
            second, last, stop = field_at(message, middle, at)
            key_comes_first = first == _KEY and second == _VALUE
            if stop != at or not (key_comes_first or (first == _VALUE and second == _KEY)):
                raise UnusualEncoding
            alias = message[start:middle] if key_comes_first else message[last:at]
            if alias in places:
                raise UnusualEncoding
            places[alias] = (last, at) if key_comes_first else (start, middle)
        elif tag == _MODEL_SPEC:
            if not is_plain_spec(message[begin:at]):
                raise UnusualEncoding
        elif tag not in _OTHERS:
            raise UnusualEncoding
    return places
