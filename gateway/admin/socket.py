"""Serves the admin API on a Unix socket that only this user can open, one gateway a state directory.

A lock file held for life tells a live gateway from a dead one's leftovers: the kernel lets go of it with the process.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from urllib.parse import quote

import grpc

from gateway.admin.cannot_serve import CannotServe
from gateway.admin.service import AdminServicer
from protos.stubs.tidegate.admin.v1 import admin_pb2_grpc

SOCKET_NAME = "admin.sock"
LOCK_NAME = "admin.lock"
MAX_PATH_BYTES = 107  # sun_path of unix(7), less its closing zero


class AdminSocket:
    """Made by `claim_state_dir`; `start` serves, `close` ends both."""

    def __init__(self, path: Path, lock: int) -> None:
        self.path = path
        self._lock = lock
        self._server: grpc.aio.Server | None = None

    async def start(self, servicer: AdminServicer) -> None:
        """Raises: CannotServe."""
        server = grpc.aio.server()
        admin_pb2_grpc.add_AdminServicer_to_server(servicer, server)  # type: ignore[no-untyped-call]  # generated code
        self.path.unlink(missing_ok=True)  # a dead gateway's: the lock is ours
        umask = os.umask(0o177)  # the socket is born with mode 0600
        try:
            server.add_insecure_port(f"unix:{quote(str(self.path))}")
        except RuntimeError as error:
            raise CannotServe(f"{self.path}: the admin socket cannot be opened: {error}") from error
        finally:
            os.umask(umask)
        await server.start()
        self._server = server

    async def close(self, grace_s: float = 1.0) -> None:
        """End calls within `grace_s`, remove the socket, let another gateway have the directory."""
        if self._server is not None:
            await self._server.stop(grace_s)
            self.path.unlink(missing_ok=True)
        os.close(self._lock)


def claim_state_dir(state_dir: Path) -> AdminSocket:
    """Make the directory and take it for this process; do so before reading or writing anything in it.

    Raises: CannotServe when a live gateway has it, its path is too long for a socket, or it cannot be written.
    """
    path = state_dir.absolute() / SOCKET_NAME
    length = len(os.fsencode(path))
    if length > MAX_PATH_BYTES:
        raise CannotServe(
            f"{path}: {length} bytes, but a Unix socket's path has at most {MAX_PATH_BYTES}; give a shorter --state-dir"
        )
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        lock = os.open(state_dir / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotServe(f"{state_dir}: cannot be used as state directory: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise CannotServe(
            f"{state_dir}: another gateway is running with this state directory; stop it, or give another --state-dir"
        ) from error
    return AdminSocket(path, lock)
