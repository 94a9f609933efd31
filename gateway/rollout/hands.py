"""Carries out the machine's commands: files in a thread, routes at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import assert_never

from gateway.rollout import models_config, store
from gateway.rollout.events import (
    Command,
    Persist,
    PokeWatch,
    Reload,
    RoutingCommand,
    SetPromoted,
    SetRamp,
    WriteModelsConfig,
)
from gateway.rollout.file_lock import file_locked
from gateway.rollout.ports import Ports
from gateway.rollout.reloads import ReloadBook
from gateway.rollout.state import RolloutState

# Runs a blocking function off the event loop.
InThread = Callable[[Callable[[], str | None]], Awaitable[str | None]]


class Hands:
    """`files` keeps two rollouts from editing one models_config at a time; a locked file keeps exports from it."""

    def __init__(
        self, ports: Ports, state_dir: Path, in_thread: InThread, files: AbstractAsyncContextManager[None]
    ) -> None:
        self._ports = ports
        self._state_dir = state_dir
        self._in_thread = in_thread
        self._files = files

    async def do(self, state: RolloutState, book: ReloadBook, command: Command) -> None:
        """Raises: OSError, UnicodeDecodeError, UnfitModelsConfig, and whatever a port does."""
        model = state.plan.model
        match command:
            case Persist():
                await self._in_thread(lambda: store.save(self._state_dir, state))
            case WriteModelsConfig():
                path = self._config_path(model)
                async with self._files:
                    await self._in_thread(lambda: _rewrite(path, model, command))
            case Reload():
                path = self._config_path(model)
                async with self._files:
                    text = await self._in_thread(lambda: path.read_text(encoding="utf-8"))
                    book.publish(models_config.reload_request(text or ""))
            case PokeWatch():
                self._ports.poke_watch(model)
            case SetRamp() | SetPromoted():
                self.route(model, command)
            case _:
                assert_never(command)

    def route(self, model: str, command: RoutingCommand) -> None:
        match command:
            case SetRamp():
                self._ports.set_ramp(model, command.to_version, command.percent)
            case SetPromoted():
                self._ports.set_promoted(model, command.version)
            case _:
                assert_never(command)

    def _config_path(self, model: str) -> Path:
        path = self._ports.models_config_path(model)
        if path is None:
            raise FileNotFoundError(f"gateway.yaml no longer has a models_config for model {model}")
        return path


def _rewrite(path: Path, model: str, command: WriteModelsConfig) -> None:
    with file_locked(path):
        text = path.read_text(encoding="utf-8")
        edited = models_config.edit(text, model, add=command.add, remove=command.remove)
        if edited != text:
            store.replace_file(path, edited)
