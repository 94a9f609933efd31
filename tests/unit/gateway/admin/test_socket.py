"""The admin socket: private from its birth, one gateway a state directory."""

from __future__ import annotations

import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import grpc
import pytest

from gateway.admin.cannot_serve import CannotServe
from gateway.admin.service import AdminServicer
from gateway.admin.socket import AdminSocket, claim_state_dir
from protos.stubs.tidegate.admin.v1 import admin_pb2, admin_pb2_grpc
from tests.unit.gateway.admin.fakes import FakeRollouts


def servicer() -> AdminServicer:
    return AdminServicer(lambda: admin_pb2.GetStatusResponse(version="1.2.3"), FakeRollouts())


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[AdminSocket]:
    admin = claim_state_dir(tmp_path / "state")
    await admin.start(servicer())
    yield admin
    await admin.close(0)


async def ask_version(path: Path) -> str:
    async with grpc.aio.insecure_channel(f"unix:{quote(str(path))}") as channel:
        stub = admin_pb2_grpc.AdminStub(channel)  # type: ignore[no-untyped-call]  # generated code
        reply: admin_pb2.GetStatusResponse = await stub.GetStatus(admin_pb2.GetStatusRequest(), timeout=10)
        return reply.version


async def test_it_answers_on_a_socket_that_only_this_user_can_open(admin: AdminSocket) -> None:
    mode = admin.path.stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600
    assert await ask_version(admin.path) == "1.2.3"


async def test_a_path_with_spaces_and_percent_signs_is_just_a_path(tmp_path: Path) -> None:
    admin = claim_state_dir(tmp_path / "my 100%25 state")
    await admin.start(servicer())
    assert admin.path.is_socket()
    assert await ask_version(admin.path) == "1.2.3"
    await admin.close(0)


async def test_a_live_gateways_directory_is_refused(admin: AdminSocket) -> None:
    with pytest.raises(CannotServe, match="another gateway is running with this state directory; stop it, or give"):
        claim_state_dir(admin.path.parent)
    assert await ask_version(admin.path) == "1.2.3"


async def test_a_dead_gateways_socket_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as leftover:
        leftover.bind(str(tmp_path / "admin.sock"))
    admin = claim_state_dir(tmp_path)
    await admin.start(servicer())
    assert await ask_version(admin.path) == "1.2.3"
    await admin.close(0)


async def test_a_closed_one_leaves_the_directory_to_the_next(tmp_path: Path) -> None:
    admin = claim_state_dir(tmp_path)
    await admin.start(servicer())
    await admin.close(0)
    assert not admin.path.exists()
    await claim_state_dir(tmp_path).close(0)


def test_a_path_too_long_for_a_socket_says_so(tmp_path: Path) -> None:
    with pytest.raises(CannotServe, match="a Unix socket's path has at most 107; give a shorter --state-dir"):
        claim_state_dir(tmp_path / ("long" * 30))


def test_a_state_directory_that_is_a_file_says_so(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(CannotServe, match="cannot be used as state directory"):
        claim_state_dir(tmp_path / "state")
