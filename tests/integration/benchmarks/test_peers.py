"""Every installed peer carries every kind of load, all replies counted; a gateway that refuses is not left out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from benchmarks.calls import LARGE, SMALL
from benchmarks.errors import BenchmarkFailed
from benchmarks.generator import Generator
from benchmarks.open_files import allow_open_files
from benchmarks.peers import PEERS
from benchmarks.plan import FRONT_LOADS, Load
from benchmarks.recordings import Recorded
from benchmarks.servers import Server, Starter
from tests.unit.benchmarks.replies import RECORDED

pytestmark = pytest.mark.slow
CALLS = {call.model: Recorded(call, RECORDED[call.model]) for call in (SMALL, LARGE)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("peers")


@pytest.fixture(scope="module")
def start(folder: Path) -> Iterator[Starter]:
    allow_open_files(4096)
    with ExitStack() as stack:
        yield Starter(stack, folder)


@pytest.fixture(scope="module")
def upstream(start: Starter) -> Server:
    return start.fast_upstream("fast", RECORDED)


@pytest.fixture(scope="module", params=PEERS)
def peer(request: pytest.FixtureRequest, start: Starter, upstream: Server) -> Server:
    found = PEERS[request.param].found()
    if found is None:
        pytest.skip(PEERS[request.param].missing())
    return PEERS[request.param].start(start, found, upstream.port, request.param)


@pytest.mark.parametrize("load", FRONT_LOADS, ids=lambda load: load.name)
def test_every_call_gets_its_whole_right_reply(peer: Server, folder: Path, load: Load) -> None:
    began = []
    before = peer.child.processor_s()
    made = Generator(folder, CALLS).run(peer.port, load, 4 * load.in_flight, 60.0, lambda: began.append(True))
    assert (made.calls, made.answered, began) == (4 * load.in_flight, 4 * load.in_flight, [True])
    assert made.wall_s > 0
    assert peer.child.processor_s() >= before
    assert peer.child.resident_bytes() > 0


def test_a_transport_that_the_gateway_does_not_have_ends_the_sitting_with_its_words(
    start: Starter, upstream: Server
) -> None:
    with pytest.raises(BenchmarkFailed, match=r"gateway-pigeon: ended with status 2(.|\n)*server.transport"):
        start.gateway("gateway-pigeon", upstream.port, transport="pigeon")
