"""Why a call is not joined and why a joined reply cannot be cut; the values are metric labels."""

from __future__ import annotations

import enum


class Unjoined(enum.Enum):
    """Why a Predict travels alone. Such a call is forwarded as it came."""

    BATCHING_OFF = "batching_off"  # by the operator's policy
    UNPROVEN_OFF = "unproven_off"  # joining was tried for this signature and turned off
    UNUSUAL_ENCODING = "unusual_encoding"  # unknown fields, maps and values written as no client library does
    SIGNATURE = "signature"  # an input or output of the signature has no unknown first dimension
    OUTPUT_FILTER = "output_filter"  # repeated or unknown aliases: TensorFlow Serving words the error
    INPUTS = "inputs"  # none, or fewer than the signature has (defaults have no rows)
    STRING = "string"  # in tensor_content
    DTYPE = "dtype"
    UNKNOWN_RANK = "unknown_rank"
    NEGATIVE_DIM = "negative_dim"
    SCALAR = "scalar"
    EMPTY = "empty"  # no rows, or rows without elements
    VALUES = "values"  # a value list that is no whole number of elements, or values outside the dtype
    UNEQUAL_ROWS = "unequal_rows"
    TOO_MANY_ROWS = "too_many_rows"
    TOO_LARGE = "too_large"  # expanded size over the cap
    LANES_FULL = "lanes_full"
    POISONED = "poisoned"  # joins of its lane failed often of late


class Uncut(enum.Enum):
    """Why the reply to a joined request cannot be given out row by row."""

    UNPARSABLE = "unparsable"
    UNUSUAL_ENCODING = "unusual_encoding"
    NO_OUTPUTS = "no_outputs"
    SCALAR = "scalar"
    ROWS = "rows"  # an output's first dimension is not the number of rows sent
    PAYLOAD = "payload"  # the values are not exactly what the shape says
    PIECES = "pieces"  # the replies to a split request's pieces differ in more than values
