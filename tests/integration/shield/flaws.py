"""What can be wrong with a request: each of these spoils one in one way, which it is named after."""

from __future__ import annotations

import random
from collections.abc import Callable
from math import prod

from gateway.wire.encode import delimited, varint
from tests.integration.shield.encodings import FLOAT, INT64, STRING, UINT8, Tensor, content, good_values, listed
from tests.integration.shield.good import Request, good_tensor

DTYPES = (*range(33), 99, 101, 1 << 20, -1)
MAX_VALUES = 4096  # written out; what claims to be more is one value repeated
HUGE = (2**20, 2**31, 2**40, 2**46, 2**62, 2**63 - 1)


def some(rng: random.Random, request: Request) -> Tensor:
    return rng.choice(list(request.inputs.values()) or [Tensor(FLOAT, [1], b"")])


def a_renamed_input(rng: random.Random, request: Request) -> None:
    alias = rng.choice(list(request.inputs) or ["pixels"])
    request.inputs[rng.choice(("", "Pixels", alias + ":0", "x", "b"))] = request.inputs.pop(alias, some(rng, request))


def a_missing_input(rng: random.Random, request: Request) -> None:
    request.inputs.pop(rng.choice(list(request.inputs) or [""]), None)


def an_extra_input(rng: random.Random, request: Request) -> None:
    request.inputs[rng.choice(("extra", "text", "x", "é" * 40))] = good_tensor(rng, FLOAT, [1, 2])


def another_dtype(rng: random.Random, request: Request) -> None:
    some(rng, request).dtype = rng.choice(DTYPES)


def strings_for_numbers(rng: random.Random, request: Request) -> None:
    tensor = some(rng, request)
    tensor.dtype = rng.choice((STRING, tensor.dtype))
    tensor.values = listed(rng, STRING, [b"1.0"] * rng.randrange(4))


def a_forgotten_batch_dimension(rng: random.Random, request: Request) -> None:
    tensor = some(rng, request)
    tensor.shape = tensor.shape[1:]


def another_rank(rng: random.Random, request: Request) -> None:
    tensor = some(rng, request)
    tensor.shape = rng.choice((
        [], [1], [1] * 254, [1] * 255, [1, *tensor.shape], [*tensor.shape, 1], tensor.shape[:-1], tensor.shape * 2,
    ))  # fmt: skip


def an_unknown_rank(rng: random.Random, request: Request) -> None:
    tensor = some(rng, request)
    tensor.unknown_rank = True
    if rng.random() < 0.5:
        tensor.shape = []


def another_dimension(rng: random.Random, request: Request) -> None:
    tensor = some(rng, request)
    if tensor.shape:
        at = rng.randrange(len(tensor.shape))
        tensor.shape[at] = rng.choice((0, 1, 2, 7, 8, 9, 12, tensor.shape[at] + 1))


def turned_dimensions(rng: random.Random, request: Request) -> None:
    rng.shuffle(some(rng, request).shape)


def no_rows(rng: random.Random, request: Request) -> None:
    for tensor in request.inputs.values():
        if tensor.shape and rng.random() < 0.9:
            tensor.shape[0] = 0


def unequal_rows(rng: random.Random, request: Request) -> None:
    tensor = some(rng, request)
    if tensor.shape and tensor.dtype in (FLOAT, INT64):
        tensor.shape[0] += 1 + rng.randrange(3)
        if 0 < prod(tensor.shape) < MAX_VALUES:
            tensor.values = good_values(rng, tensor.dtype, prod(tensor.shape))


def a_negative_dimension(rng: random.Random, request: Request) -> None:
    tensor = some(rng, request)
    if tensor.shape:
        tensor.shape[rng.randrange(len(tensor.shape))] = rng.choice((-1, -1, -2, -(2**31), -(2**63)))


def a_huge_dimension(rng: random.Random, request: Request) -> None:
    """One value, said to be very many: a splat bomb."""
    tensor = some(rng, request)
    for _ in range(rng.randrange(1, 4)):
        if tensor.shape:
            tensor.shape[rng.choice((0, 0, 0, -1, len(tensor.shape) // 2))] = rng.choice(HUGE)
    if rng.random() < 0.5:
        tensor.values = listed(rng, FLOAT, [1.0])


def an_overflow_hidden_by_zero(rng: random.Random, request: Request) -> None:
    """No element at all, of dimensions that don't fit together in 64 bits, or do."""
    tensor = some(rng, request)
    if tensor.shape:
        for at in rng.choices(range(len(tensor.shape)), k=rng.randrange(1, 4)):
            tensor.shape[at] = rng.choice((2**31 - 1, 2**31, 2**40, 2**62))
        tensor.shape[rng.randrange(len(tensor.shape))] = 0


def another_content_length(rng: random.Random, request: Request) -> None:
    tensor = some(rng, request)
    tensor.values = content(
        bytes(max(0, prod(tensor.shape[:6]) % 4096 * rng.choice((1, 4)) + rng.choice((-4, -1, 1, 4))))
    )


def content_and_list(rng: random.Random, request: Request) -> None:
    """TensorFlow takes the content."""
    tensor = some(rng, request)
    tensor.values += content(rng.randbytes(rng.choice((1, 4, 8, 768)))) + listed(rng, FLOAT, [1.0, 2.0])


def values_in_anothers_field(rng: random.Random, request: Request) -> None:
    some(rng, request).values = good_values(rng, rng.choice((FLOAT, UINT8, INT64, STRING)), rng.randrange(4))


def another_signature(rng: random.Random, request: Request) -> None:
    request.signature = rng.choice(("none", "bytes", "scaled", "serving_default", "free", "\x00"))


def another_model(rng: random.Random, request: Request) -> None:
    request.model = rng.choice(("conv", "mixed", "nobody", "", "../conv"))


def another_version(rng: random.Random, request: Request) -> None:
    version = rng.choice((1, 1, 0, 2, -1, 2**62))
    label = delimited(4, b"stable")
    request.spec_tail = rng.choice((delimited(2, varint(1 << 3) + varint(version)), label, delimited(2, b"")))


def another_output_filter(rng: random.Random, request: Request) -> None:
    request.output_filter = rng.choice((["none"], ["scores"], ["loud", "loud"], ["half", "both"], ["y"], [""]))


def unknown_fields(rng: random.Random, request: Request) -> None:
    tail = rng.choice((delimited(5, b""), delimited(7, b"\x08\x01"), delimited(99, b"?"), varint(98 << 3) + b"\x07"))
    if rng.random() < 0.5:
        some(rng, request).values += tail
    else:
        request.tail += tail


def a_repeated_input(rng: random.Random, request: Request) -> None:
    """On the wire twice: protobuf keeps the last."""
    alias = rng.choice(list(request.inputs) or ["pixels"])
    shape = rng.choice(([8, 8, 3], [1, 8, 8, 3], [2**46, 8, 8, 3]))
    request.tail += delimited(2, delimited(1, alias.encode()) + delimited(2, good_tensor_like(rng, shape).encode()))


def good_tensor_like(rng: random.Random, shape: list[int]) -> Tensor:
    return Tensor(FLOAT, shape, good_values(rng, FLOAT, 2))


FLAWS: tuple[Callable[[random.Random, Request], None], ...] = (
    a_renamed_input, a_missing_input, an_extra_input, another_dtype, strings_for_numbers, a_forgotten_batch_dimension,
    another_rank, an_unknown_rank, another_dimension, turned_dimensions, no_rows, unequal_rows, a_negative_dimension,
    a_huge_dimension, an_overflow_hidden_by_zero, another_content_length, content_and_list, values_in_anothers_field,
    another_signature, another_model, another_version, another_output_filter, unknown_fields, a_repeated_input,
)  # fmt: skip
