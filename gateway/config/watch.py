"""Looks at the configuration file every second and on demand; a changed content is loaded, a bad one leaves the old."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.config.load import content_hash, parse, read_bytes
from gateway.config.problems import ConfigurationRefused, Problem
from gateway.config.settings import Settings

POLL_INTERVAL_S: Final = 1.0


class ConfigWatcher:
    """Owns the task that watches one file. Callbacks run on the event loop; `close` ends the task.

    `on_settings` may raise ConfigurationRefused itself (a model in rollout was changed): reported like the rest.
    What can't be loaded is reported once for each content (and once while the file is missing), not every second.
    """

    def __init__(
        self,
        path: Path,
        in_force: Settings,
        on_settings: Callable[[Settings], None],
        on_refused: Callable[[ConfigurationRefused], None],
        poll_interval_s: float = POLL_INTERVAL_S,
    ) -> None:
        self._path = path
        self._on_settings = on_settings
        self._on_refused = on_refused
        self._poll_interval_s = poll_interval_s
        self._seen = in_force.content_hash  # the last content judged, good or bad; or why there is none
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
            self._refuse_once(unreadable, str(unreadable), again)
            return
        digest = content_hash(content)
        if digest == self._seen and not again:
            return
        try:
            self._on_settings(await asyncio.to_thread(parse, content, self._path))
            self._seen = digest
        except ConfigurationRefused as refused:
            self._refuse_once(refused, digest, again)
        except Exception as error:  # noqa: BLE001 (a bug in putting it in force must neither end the watch nor hide)
            bug = Problem((), f"could not be put in force: {type(error).__name__}: {error}")
            self._refuse_once(ConfigurationRefused(str(self._path), [bug]), digest, again)

    def _refuse_once(self, refused: ConfigurationRefused, seen: str, again: bool) -> None:
        if seen != self._seen or again:
            self._seen = seen
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
