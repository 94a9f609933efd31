"""What gRPC writes into header fields, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.http2 import grpc_fields as fields
from gateway.http2.errors import ErrorCode


@pytest.mark.parametrize(
    ("text", "timeout_us"),
    [
        ("1H", 3_600_000_000), ("2M", 120_000_000), ("3S", 3_000_000), ("4m", 4000), ("5u", 5),
        ("6000n", 6), ("6001n", 7), ("1n", 1), ("0n", 0), ("0S", 0), ("99999999H", 99_999_999 * 3_600_000_000),
    ],
)  # fmt: skip
def test_a_timeout_is_read_in_every_unit(text: str, timeout_us: int) -> None:
    assert fields.parse_timeout_us(text) == timeout_us


@pytest.mark.parametrize("text", ["", "S", "1", "1s", "1D", "-1S", "+1S", "1.5S", " 1S", "1 S", "123456789S", "\xb2S"])
def test_a_malformed_timeout_is_none(text: str) -> None:
    assert fields.parse_timeout_us(text) is None


@pytest.mark.parametrize(
    ("timeout_us", "text"),
    [
        (-5, "0u"), (0, "0u"), (999_999, "999999u"), (1_000_999, "1000m"), (99_999_999_999, "99999999m"),
        (100_000_000_000, "100000S"), (10**18, "99999999S"),
    ],
)  # fmt: skip
def test_a_timeout_is_written_in_eight_digits_at_most(timeout_us: int, text: str) -> None:
    assert fields.format_timeout(timeout_us) == text


@given(st.integers(0, 99_999_999_000_000))
def test_a_timeout_that_is_passed_on_never_grows(timeout_us: int) -> None:
    passed = fields.parse_timeout_us(fields.format_timeout(timeout_us))
    assert passed is not None
    assert timeout_us * 0.999 - 1 <= passed <= timeout_us


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_message_survives_percent_encoding(text: str) -> None:
    encoded = fields.encode_message(text)
    assert all(" " <= letter <= "~" for letter in encoded)
    assert fields.decode_message(encoded) == text


def test_a_message_is_encoded_outside_printable_ascii_and_at_percent_signs() -> None:
    assert fields.encode_message("50% är\n") == "50%25 %C3%A4r%0A"


@pytest.mark.parametrize(
    ("sent", "read"),
    [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("100% %41", "100% A"), ("%ff", "\ufffd"), ("\xe4", "\ufffd")],
)  # fmt: skip
def test_a_wrongly_encoded_message_is_read_as_well_as_can_be(sent: str, read: str) -> None:
    assert fields.decode_message(sent) == read


@given(st.binary(max_size=40))
def test_binary_values_survive_with_and_without_their_padding(value: bytes) -> None:
    encoded = fields.encode_binary(value)
    assert "=" not in encoded
    assert fields.decode_binary(encoded) == value
    assert fields.decode_binary(encoded + "=" * (-len(encoded) % 4)) == value


@pytest.mark.parametrize("text", ["?", "a", "AA AA", "\xff\xff", "A=AA"])
def test_what_is_no_base64_is_none(text: str) -> None:
    assert fields.decode_binary(text) is None


@pytest.mark.parametrize(
    ("http_status", "code"),
    [(400, 13), (401, 16), (403, 7), (404, 12), (429, 14), (502, 14), (503, 14), (504, 14), (200, 2), (500, 2), (0, 2)],
)
def test_an_http_status_stands_for_the_grpc_status_that_the_table_gives(http_status: int, code: int) -> None:
    assert fields.status_from_http(http_status) == code


@pytest.mark.parametrize(
    ("reset", "code"),
    [
        (ErrorCode.NO_ERROR, 13), (ErrorCode.PROTOCOL_ERROR, 13), (ErrorCode.REFUSED_STREAM, 14),
        (ErrorCode.CANCEL, 1), (ErrorCode.ENHANCE_YOUR_CALM, 8), (ErrorCode.INADEQUATE_SECURITY, 7), (4711, 13),
    ],
)  # fmt: skip
def test_a_reset_stands_for_the_grpc_status_that_the_table_gives(reset: int, code: int) -> None:
    assert fields.status_from_reset(reset) == code
