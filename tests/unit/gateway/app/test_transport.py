"""The transport that the settings name, its bounds, and what of it is counted."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gateway.app.transport import Transport, listen_of
from gateway.server.grpcio import GrpcioServer
from gateway.server.http2 import Http2Server
from gateway.telemetry.counters import Counters
from tests.unit.gateway.app.settings import settings_of

FOLLOWS = "default_upstream: pool\n"


@pytest.mark.parametrize("kind", [Http2Server, GrpcioServer])
async def test_the_server_is_of_the_transport_that_is_named(tmp_path: Path, kind: type) -> None:
    name = "http2" if kind is Http2Server else "grpcio"
    transport = Transport(settings_of(tmp_path, FOLLOWS, server=f", transport: {name}"), random.Random(7))
    assert transport.connections() == []
    server = transport.server(lambda call: call.reply(b""), Counters())
    assert isinstance(server, kind)
    assert list(transport.connections()) == [((), 0.0)]
    await server.stop(0)


def test_the_bounds_of_the_file_are_those_of_the_port(tmp_path: Path) -> None:
    text = "http2: {max_connections: 3, max_streaming_calls: 4, max_resets: 7, idle_timeout_s: null}\n" + FOLLOWS
    listen = listen_of(settings_of(tmp_path, text, server=", max_message_bytes: 2048"))
    assert (listen.max_connections, listen.max_streaming_calls) == (3, 4)
    bounds = listen.bounds
    assert (bounds.max_resets, bounds.idle_timeout_s, bounds.max_message_bytes) == (7, None, 2048)


async def test_what_was_turned_away_is_counted_by_side_and_bound_and_never_twice(tmp_path: Path) -> None:
    transport = Transport(settings_of(tmp_path, FOLLOWS), random.Random(7))
    counters = Counters()
    transport.copy_counts(counters)
    assert counters.transport_refused.series == {}
    transport.refused_clients["streams"] += 2
    transport.refused_replicas["header_list"] += 1
    transport.buffers.refused += 3
    for _ in range(2):
        transport.copy_counts(counters)
    assert counters.transport_refused.series == {
        ("client", "streams"): 2,
        ("replica", "header_list"): 1,
        ("process", "buffers"): 3,
    }


async def test_the_bytes_held_are_those_of_the_process(tmp_path: Path) -> None:
    transport = Transport(settings_of(tmp_path, "http2: {max_buffered_bytes: 5000}\n" + FOLLOWS), random.Random(7))
    transport.buffers.held_bytes += 17
    assert list(transport.buffered()) == [((), 17.0)]
    assert transport.wiring.buffers.limit_bytes == 5000
