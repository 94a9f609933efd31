"""Speaks to a running gateway's admin socket; every failure is one clear message and exit status 2.

Imports grpc, so commands import it only when called.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import click
import grpc

from protos.stubs.tidegate.admin.v1 import admin_pb2, admin_pb2_grpc

SOCKET_NAME = "admin.sock"
MAX_PATH_BYTES = 107  # of a Unix socket, unix(7)
CALL_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 5.0

Reply = TypeVar("Reply")


class CommandFailed(click.ClickException):
    """Wrong use, or a gateway that refused: all problems, one a line."""

    exit_code = 2

    def __init__(self, problems: Sequence[str]) -> None:
        lines = [line for problem in problems for line in problem.splitlines()] or ["no reason was given"]
        super().__init__(lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} problems", *lines]))


class NoGateway(CommandFailed):
    """Nobody answers at the socket."""

    def __init__(self, state_dir: Path, why: str) -> None:
        super().__init__(
            [
                f"no gateway is running with the state directory {state_dir} ({why}); start one with"
                f" `tidegate gateway --state-dir {state_dir}`, or name a running one's with --state-dir"
            ]
        )


class AdminClient:
    """One connection; every method raises CommandFailed."""

    def __init__(self, state_dir: Path, channel: grpc.Channel) -> None:
        self._state_dir = state_dir
        self._stub = admin_pb2_grpc.AdminStub(channel)  # type: ignore[no-untyped-call]  # generated code

    def status(self) -> admin_pb2.GetStatusResponse:
        reply: admin_pb2.GetStatusResponse = self._ask(self._stub.GetStatus, admin_pb2.GetStatusRequest())
        return reply

    def start(self, request: admin_pb2.StartRolloutRequest) -> admin_pb2.Rollout:
        return self._rollout(self._stub.StartRollout, request)

    def abort(self, model: str) -> admin_pb2.Rollout:
        return self._rollout(self._stub.AbortRollout, admin_pb2.RolloutRequest(model=model))

    def promote(self, model: str) -> admin_pb2.Rollout:
        return self._rollout(self._stub.PromoteRollout, admin_pb2.RolloutRequest(model=model))

    def get(self, model: str) -> admin_pb2.Rollout:
        return self._rollout(self._stub.GetRollout, admin_pb2.RolloutRequest(model=model))

    def rollouts(self) -> list[admin_pb2.Rollout]:
        reply: admin_pb2.RolloutList = self._ask(self._stub.ListRollouts, admin_pb2.RolloutRequest())
        return list(reply.rollouts)

    def _rollout(self, method: Callable[..., admin_pb2.Rollout], request: Any) -> admin_pb2.Rollout:
        return self._ask(method, request)

    def _ask(self, method: Callable[..., Reply], request: Any) -> Reply:
        try:
            return method(request, timeout=CALL_TIMEOUT_S)
        except grpc.RpcError as error:
            code, details = error.code(), str(error.details())
            if code is grpc.StatusCode.UNAVAILABLE:
                raise NoGateway(self._state_dir, "nobody answers at its admin socket") from error
            known = (
                grpc.StatusCode.INVALID_ARGUMENT,
                grpc.StatusCode.NOT_FOUND,
                grpc.StatusCode.FAILED_PRECONDITION,
            )
            raise CommandFailed(
                [details if code in known else f"the gateway failed: {code.name}: {details}"]
            ) from error


@contextmanager
def admin_client(state_dir: Path) -> Iterator[AdminClient]:
    """Connect to the gateway of that state directory. Raises: CommandFailed."""
    path = state_dir.absolute() / SOCKET_NAME
    if len(os.fsencode(path)) > MAX_PATH_BYTES:
        raise CommandFailed([f"{path}: longer than the {MAX_PATH_BYTES} bytes of a Unix socket's path"])
    try:
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(CONNECT_TIMEOUT_S)
            probe.connect(str(path))
    except OSError as error:
        raise NoGateway(state_dir, f"{path}: {error.strerror or error}") from error
    with grpc.insecure_channel(f"unix:{quote(str(path))}") as channel:
        yield AdminClient(state_dir, channel)
