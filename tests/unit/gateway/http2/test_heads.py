"""What header blocks mean, and which are malformed (RFC 9113 section 8)."""

from __future__ import annotations

import pytest

from gateway.http2.errors import ErrorCode, StreamFault
from gateway.http2.grpc_fields import INTERNAL, UNKNOWN
from gateway.http2.heads import request_head, response_head
from tests.unit.gateway.http2.peers import OK, PATH, REQUEST, RESPONSE, changed


def test_a_plain_request() -> None:
    head = request_head(list(REQUEST))
    assert (head.path, head.timeout_us, head.encoding, head.content_length) == (PATH, None, "identity", None)
    assert (head.metadata, head.refused) == ((), None)


def test_what_grpc_keeps_for_itself_is_told_apart_from_metadata() -> None:
    head = request_head(
        changed(
            REQUEST, grpc_timeout="250m", grpc_encoding="gzip", content_length="12", x_user="7", user_agent="tests",
            grpc_accept_encoding="gzip", host="else",
        )
    )  # fmt: skip
    assert (head.timeout_us, head.encoding, head.content_length) == (250_000, "gzip", 12)
    assert head.metadata == (("x-user", "7"), ("user-agent", "tests"))


def test_binary_metadata_is_decoded_each_of_its_values_and_what_is_none_left_out() -> None:
    head = request_head([*REQUEST, ("k-bin", "AAEC,Aw==,?"), ("k-bin", "BA"), ("k", "a"), ("k", "b")])
    assert head.metadata == (("k-bin", b"\0\1\2"), ("k-bin", b"\3"), ("k-bin", b"\4"), ("k", "a"), ("k", "b"))


@pytest.mark.parametrize("missing", ["_method", "_scheme", "_path"])
def test_a_request_without_one_of_its_pseudo_headers_is_malformed(missing: str) -> None:
    with pytest.raises(StreamFault, match="are wanted") as caught:
        request_head(changed(REQUEST, **{missing: None}))
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR


@pytest.mark.parametrize(
    "fields",
    [
        changed(REQUEST, _path=""),
        changed(REQUEST, _status="200"),
        changed(REQUEST, _protocol="websocket"),
        [*REQUEST, (":path", "/after")],
        [REQUEST[0], *REQUEST],
        [("te", "trailers"), *REQUEST],
        changed(REQUEST, te="gzip"),
        changed(REQUEST, connection="close"),
        changed(REQUEST, proxy_connection="close"),
        changed(REQUEST, keep_alive="1"),
        changed(REQUEST, transfer_encoding="chunked"),
        changed(REQUEST, upgrade="h2c"),
        changed(REQUEST, content_length="-1"),
        changed(REQUEST, content_length=""),
        changed(REQUEST, content_length="\xb2"),
        changed(REQUEST, content_length="1" * 19),
    ],
    ids=lambda fields: str(fields[-1]),
)
def test_a_malformed_request_ends_its_stream(fields: list[tuple[str, str]]) -> None:
    with pytest.raises(StreamFault) as caught:
        request_head(fields)
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR


def test_a_request_need_not_say_te() -> None:
    assert request_head(changed(REQUEST, te=None)).refused is None


@pytest.mark.parametrize("kind", ["application/grpc", "application/grpc+proto", "application/grpc;charset=utf-8"])
def test_every_spelling_of_the_content_type_is_taken(kind: str) -> None:
    assert request_head(changed(REQUEST, content_type=kind)).refused is None


@pytest.mark.parametrize(
    ("fields", "http_status", "code"),
    [
        (changed(REQUEST, _method="GET"), 405, None),
        (changed(REQUEST, content_type="text/html"), 415, None),
        (changed(REQUEST, content_type=None), 415, None),
        (changed(REQUEST, grpc_timeout="soon"), 200, INTERNAL),
        (changed(REQUEST, grpc_timeout="soon", _method="PUT"), 405, None),
    ],
)
def test_what_is_no_call_gets_the_answer_that_its_sender_understands(
    fields: list[tuple[str, str]], http_status: int, code: int | None
) -> None:
    refused = request_head(fields).refused
    assert refused is not None
    assert refused[:2] == (http_status, code)


def test_a_long_malformed_timeout_is_shown_in_part_only() -> None:
    refused = request_head(changed(REQUEST, grpc_timeout="x" * 1000)).refused
    assert refused is not None
    assert len(refused[2]) < 100


def test_a_plain_response_and_its_trailers() -> None:
    head, tail = response_head(list(RESPONSE)), response_head(list(OK))
    assert (head.http_status, head.is_grpc, head.grpc_status, head.encoding) == (200, True, None, "identity")
    assert (tail.http_status, tail.grpc_status, tail.grpc_message) == (None, 0, "")


def test_trailers_only_are_both() -> None:
    head = response_head([*RESPONSE, ("grpc-status", "5"), ("grpc-message", "no %E2%82%AC"), ("x", "y")])
    assert (head.http_status, head.grpc_status, head.grpc_message) == (200, 5, "no €")
    assert head.metadata == (("x", "y"),)


def test_a_responses_metadata_and_encoding() -> None:
    head = response_head([*RESPONSE, ("grpc-encoding", "gzip"), ("content-length", "7"), ("k-bin", "AA,AQ")])
    assert head.encoding == "gzip"
    assert head.metadata == (("k-bin", b"\0"), ("k-bin", b"\1"))


@pytest.mark.parametrize("status", ["", "-1", "x", "1000", "\xb2"])
def test_a_grpc_status_that_is_no_number_is_unknown(status: str) -> None:
    assert response_head([("grpc-status", status)]).grpc_status == UNKNOWN


def test_a_page_of_a_proxy_is_no_grpc() -> None:
    assert not response_head(changed(RESPONSE, _status="502", content_type="text/html")).is_grpc


@pytest.mark.parametrize(
    "field", [(":status", "20"), (":status", "2000"), (":status", "abc"), (":path", "/"), ("connection", "close")]
)
def test_a_malformed_response_ends_its_stream(field: tuple[str, str]) -> None:
    with pytest.raises(StreamFault) as caught:
        response_head([*RESPONSE, field])
    assert caught.value.code is ErrorCode.PROTOCOL_ERROR


def test_repeated_lengths_and_statuses_are_malformed() -> None:
    length = ("content-length", "5")
    assert request_head([*REQUEST, length, length]).content_length == 5
    with pytest.raises(StreamFault):
        request_head([*REQUEST, length, ("content-length", "6")])
    for fields in ([(":status", "200"), (":status", "200")], [("x", "y"), (":status", "200")]):
        with pytest.raises(StreamFault):
            response_head(fields)
