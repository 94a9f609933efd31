"""Looks at the configuration file every second and on demand; a changed content is loaded, a bad one leaves the old."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from gateway.config.load import content_hash, parse, read_bytes
from gateway.config.problems import ConfigurationRefused, Problem
from gateway.config.settings import Settings

POLL_INTERVAL_S: Final = 1.0


class ConfigWatcher:
    """Owns the task that watches one file. Callbacks run on the event loop; `close` ends the task.

    What can't be loaded is reported once for each content (and once while the file is missing), not every second.
    `on_settings` may raise too (ConfigurationRefused: a model in rollout was changed): that is reported like the rest,
    once, and tried again at every poll, for the same content may be put in force once the rollout has ended.
    """

    def __init__(
        self,
        path: Path,
        in_force: Settings,
        on_settings: Callable[[Settings], Awaitable[None]],
        on_refused: Callable[[ConfigurationRefused], None],
        poll_interval_s: float = POLL_INTERVAL_S,
    ) -> None:
        self._path = path
        self._on_settings = on_settings
        self._on_refused = on_refused
        self._poll_interval_s = poll_interval_s
        self._done_with = in_force.content_hash  # the last content in force or unfit for ever; "": none of them
        self._told = ""  # what was last reported
        self._wanted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to watch; needs a running event loop."""
        self._task = asyncio.create_task(self._watch(), name="config-watcher")

    def check_now(self) -> None:
        """Look at once (SIGHUP) instead of at the next poll; a bad content is then reported again."""
        self._wanted.set()

    async def close(self) -> None:
        """End the task and wait for its end."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def check(self, again: bool = False) -> None:
        """One look; `again`: load and report even what was seen before."""
        try:
            content = await asyncio.to_thread(read_bytes, self._path)
        except ConfigurationRefused as unreadable:
            self._done_with = ""
            self._refuse_once(unreadable, "", again)
            return
        digest = content_hash(content)
        if digest == self._done_with and not again:
            return
        try:
            settings = await asyncio.to_thread(parse, content, self._path)
        except ConfigurationRefused as unfit:
            self._done_with = digest
            self._refuse_once(unfit, digest, again)
            return
        await self._put_in_force(settings, digest, again)

    async def _put_in_force(self, settings: Settings, digest: str, again: bool) -> None:
        self._done_with = ""
        try:
            await self._on_settings(settings)
        except ConfigurationRefused as refused:
            self._refuse_once(refused, digest, again)
        except Exception as error:  # noqa: BLE001 (a bug in putting it in force must neither end the watch nor hide)
            bug = Problem((), f"could not be put in force: {type(error).__name__}: {error}")
            self._refuse_once(ConfigurationRefused(str(self._path), [bug]), digest, again)
        else:
            self._done_with, self._told = digest, ""

    def _refuse_once(self, refused: ConfigurationRefused, digest: str, again: bool) -> None:
        told = f"{digest} {refused}"
        if told != self._told or again:
            self._told = told
            self._on_refused(refused)

    async def _watch(self) -> None:
        while True:
            asked = True
            try:
                async with asyncio.timeout(self._poll_interval_s):
                    await self._wanted.wait()
            except TimeoutError:
                asked = False
            self._wanted.clear()
            await self.check(again=asked)
