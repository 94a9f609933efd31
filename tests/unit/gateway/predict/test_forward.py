"""Headers that go on with a call: the client's own, as far as gRPC can send them."""

from __future__ import annotations

from gateway.predict import forward
from gateway.predict.forward import MAX_NAMES, forwarded


def test_text_that_grpc_refuses_to_send_is_not_forwarded_and_bytes_are() -> None:
    sent = (("x-name", "Jos\u00e9"), ("x-lines", "a\nb"), ("x-del", "\x7f"), ("x-ok", " ~"), ("x-bin", b"\xff\x00"))
    assert forwarded(sent) == (("x-ok", " ~"), ("x-bin", b"\xff\x00"))


def test_the_transports_own_headers_are_not_forwarded() -> None:
    sent = (("x-user-id", "u"), ("grpc-timeout", "1S"), ("user-agent", "c"), (":path", "/"), ("trace-bin", b"\x01"))
    assert forwarded(sent) == (("x-user-id", "u"), ("trace-bin", b"\x01"))


def test_the_names_that_clients_invent_are_not_remembered_without_end() -> None:
    for number in range(2 * MAX_NAMES):
        assert forwarded(((f"x-{number}", "v"), ("te", "trailers"))) == ((f"x-{number}", "v"),)
    assert len(forward._goes_on) <= MAX_NAMES
