"""Promises of wire/plain.py: a ModelSpec with more in it than we know is noticed, at any length."""

from __future__ import annotations

import pytest

from gateway.wire.encode import delimited
from gateway.wire.plain import is_plain_spec
from protos.stubs.tidegate.wire.v1 import model_pb2


@pytest.mark.parametrize("name", ["digits", "d" * 1000])
def test_what_is_unknown_in_a_spec_is_noticed(name: str) -> None:
    spec = model_pb2.ModelSpec(name=name, signature_name="serving_default", version_label="stable")
    plain = spec.SerializeToString()
    assert is_plain_spec(plain)
    assert is_plain_spec(plain + plain)  # a repeated field is no unknown one
    assert not is_plain_spec(plain + delimited(9, b""))
    assert not is_plain_spec(plain + delimited(2, b"\x10\x01"))  # within the version
    assert not is_plain_spec(plain + b"\x80")
