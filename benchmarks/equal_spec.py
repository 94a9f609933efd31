"""The models of the equality check: what goes in, what comes out, whether a batch's size can change a bit. Pure."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final


class Wire(enum.Enum):
    """How values stand in their TensorProto field."""

    FIXED = "fixed"
    VARINT = "varint"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Dtype:
    """`number` of the DataType; `size` bytes of an element (0: strings).

    `field` of TensorProto has its values, `parts` of them for each element. `signed`: varints of negative values are
    ten bytes long.
    """

    number: int
    size: int
    field: int
    wire: Wire = Wire.VARINT
    parts: int = 1
    signed: bool = False


FLOAT = Dtype(1, 4, 5, Wire.FIXED)
DOUBLE = Dtype(2, 8, 6, Wire.FIXED)
INT32 = Dtype(3, 4, 7, signed=True)
UINT8 = Dtype(4, 1, 7)
INT16 = Dtype(5, 2, 7, signed=True)
STRING = Dtype(7, 0, 8, Wire.BYTES)
COMPLEX64 = Dtype(8, 8, 9, Wire.FIXED, parts=2)
INT64 = Dtype(9, 8, 10, signed=True)
BOOL = Dtype(10, 1, 11)
BFLOAT16 = Dtype(14, 2, 13)
HALF = Dtype(19, 2, 13)
UINT64 = Dtype(23, 8, 17)


@dataclass(frozen=True, slots=True)
class Input:
    """`shape` without the rows. `tame`: floats between -1 and 1; else any bits, but signalling float32 NaNs."""

    name: str
    dtype: Dtype
    shape: tuple[int, ...]
    tame: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """`rtol` 0: outputs must be equal bit for bit. `filters`: those that calls may ask for, () for all outputs."""

    name: str
    inputs: tuple[Input, ...]
    filters: tuple[tuple[str, ...], ...]
    rtol: float = 0.0


MODELS: Final = (
    Model("mlp", (Input("x", FLOAT, (64,), tame=True),), ((), ("y",)), rtol=1e-5),
    Model(
        "words",
        (Input("number", INT64, (3,)), Input("count", INT32, ()), Input("text", STRING, (2,))),
        ((), ("joined", "sum"), ("doubled",)),
    ),
    Model("halves", (Input("b", BFLOAT16, (4,), tame=True), Input("h", HALF, (5,))), ((), ("reversed", "doubled"))),
    Model(
        "many",
        (
            Input("c", COMPLEX64, (1,)),
            Input("d", DOUBLE, (2,)),
            Input("f", FLOAT, (2, 3)),
            Input("i", INT16, (2,)),
            Input("q", UINT64, ()),
            Input("t", BOOL, (3,)),
            Input("u", UINT8, (4,)),
        ),
        ((), ("f", "c", "u")),
    ),
)
