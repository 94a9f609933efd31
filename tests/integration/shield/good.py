"""Predict requests for the models of savedmodels.py, in parts that can be spoilt; and good ones, generated."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from math import prod

from gateway.wire.encode import delimited
from tests.integration.shield.encodings import FLOAT, INT64, STRING, UINT8, Tensor, good_values

MIXED_WIDTH = 3


@dataclass
class Request:
    """A PredictRequest still in parts. `flaws` say what was done to it; none: it is good."""

    model: str
    signature: str
    inputs: dict[str, Tensor]
    output_filter: list[str] = field(default_factory=list)
    spec_tail: bytes = b""
    tail: bytes = b""
    flaws: list[str] = field(default_factory=list)

    def encode(self) -> bytes:
        spec = delimited(1, self.model.encode()) + delimited(3, self.signature.encode()) + self.spec_tail
        inputs = [delimited(1, alias.encode()) + delimited(2, one.encode()) for alias, one in self.inputs.items()]
        entries = b"".join([delimited(2, entry) for entry in inputs])
        return (
            delimited(1, spec) + entries + b"".join([delimited(3, o.encode()) for o in self.output_filter]) + self.tail
        )


def good_request(rng: random.Random) -> Request:
    rows = rng.choice((1, 1, 1, 2, 3, 5))
    way = rng.choice(("", "serving_default", "bytes", "free", "mixed", "scaled"))
    if way not in ("mixed", "scaled"):
        shape = [rows, rng.randrange(1, 10), rng.randrange(1, 10), 3] if way == "free" else [rows, 8, 8, 3]
        return Request("conv", way, {"pixels": good_tensor(rng, UINT8 if way == "bytes" else FLOAT, shape)})
    if way == "scaled":
        inputs = {"x": good_tensor(rng, FLOAT, [rows, 4]), "factor": good_tensor(rng, FLOAT, [])}
        return Request("mixed", "scaled", inputs)
    inputs = {
        "text": good_tensor(rng, STRING, [rows]),
        "a": good_tensor(rng, FLOAT, [rows, rng.randrange(MIXED_WIDTH + 1)]),
        "b": good_tensor(rng, INT64, [rows, 2]),
    }
    aliases = rng.sample(sorted(inputs), len(inputs))
    outputs = rng.sample(("loud", "length", "half", "total", "both"), rng.choice((0, 0, 1, 3)))
    return Request("mixed", "", {alias: inputs[alias] for alias in aliases}, outputs)


def good_tensor(rng: random.Random, dtype: int, shape: list[int]) -> Tensor:
    return Tensor(dtype, shape, good_values(rng, dtype, prod(shape)))
