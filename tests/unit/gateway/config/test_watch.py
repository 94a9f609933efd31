"""The watcher: new content is put in force, bad content is told once and the old stays."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.config.load import load
from gateway.config.problems import ConfigurationRefused, Problem
from gateway.config.settings import Settings
from gateway.config.watch import ConfigWatcher

GOOD = "upstreams: {serving: {replicas: ['server:8500']}}\n"
NEVER_S = 3600.0


class Gateway:
    """Stands for what the watcher reports to: keeps it, and refuses what it is told to refuse."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.in_force = load(path)
        self.refused: list[str] = []
        self.told = asyncio.Event()
        self.objection: Exception | None = None

    async def put_in_force(self, settings: Settings) -> None:
        if self.objection:
            raise self.objection
        self.in_force = settings
        self.told.set()

    def note_refusal(self, refused: ConfigurationRefused) -> None:
        self.refused += [str(problem) for problem in refused.problems]
        self.told.set()

    def watcher(self, poll_interval_s: float = NEVER_S) -> ConfigWatcher:
        return ConfigWatcher(self.path, self.in_force, self.put_in_force, self.note_refusal, poll_interval_s)

    async def next_report(self) -> None:
        async with asyncio.timeout(20):
            await self.told.wait()
        self.told.clear()


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    path = tmp_path / "gateway.yaml"
    path.write_text(GOOD)
    yield Gateway(path)


async def test_a_changed_content_is_put_in_force_without_being_asked(gateway: Gateway) -> None:
    watcher = gateway.watcher(poll_interval_s=0.01)
    watcher.start()
    gateway.path.write_text(GOOD + "default_upstream: serving\n")
    await gateway.next_report()
    await watcher.close()
    assert gateway.in_force.table.default_upstream == "serving"


async def test_on_demand_the_file_is_read_at_once(gateway: Gateway) -> None:
    watcher = gateway.watcher()
    watcher.start()
    gateway.path.write_text(GOOD + "default_upstream: serving\n")
    watcher.check_now()
    await gateway.next_report()
    await watcher.close()
    assert gateway.in_force.table.default_upstream == "serving"


async def test_an_unchanged_content_is_left_alone_but_loaded_when_asked_for(gateway: Gateway) -> None:
    watcher, before = gateway.watcher(), gateway.in_force
    gateway.path.touch()
    await watcher.check()
    assert gateway.in_force is before
    await watcher.check(again=True)
    assert gateway.in_force is not before


async def test_bad_content_is_told_once_and_the_old_stays(gateway: Gateway) -> None:
    watcher, before = gateway.watcher(), gateway.in_force
    gateway.path.write_text("upstream: {}")
    await watcher.check()
    await watcher.check()
    assert gateway.in_force is before
    assert gateway.refused == [
        "upstreams: is missing and has no default",
        'upstream: unknown key; did you mean "upstreams"?',
    ]


async def test_asked_again_bad_content_is_told_again(gateway: Gateway) -> None:
    watcher = gateway.watcher()
    gateway.path.write_text("upstreams: {}")
    await watcher.check()
    await watcher.check(again=True)
    assert len(gateway.refused) == 2


async def test_a_file_that_disappears_is_a_problem_and_its_return_is_noticed(gateway: Gateway) -> None:
    watcher, before = gateway.watcher(), gateway.in_force
    gateway.path.unlink()
    await watcher.check()
    await watcher.check()
    assert gateway.refused == ["can't be read: No such file or directory"]
    assert gateway.in_force is before
    gateway.path.write_text(GOOD)
    await watcher.check()
    assert gateway.in_force is not before


async def test_what_the_gateway_itself_refuses_is_told_like_the_rest(gateway: Gateway) -> None:
    watcher, before = gateway.watcher(), gateway.in_force
    gateway.objection = ConfigurationRefused("gateway.yaml", [Problem(("models", "digits"), "is in rollout")])
    gateway.path.write_text(GOOD + "default_upstream: serving\n")
    await watcher.check()
    assert gateway.in_force is before
    assert gateway.refused == ["models.digits: is in rollout"]


async def test_what_a_rollout_forbade_is_told_once_and_put_in_force_once_it_has_ended(gateway: Gateway) -> None:
    watcher = gateway.watcher()
    gateway.objection = ConfigurationRefused("gateway.yaml", [Problem(("models", "digits"), "is in rollout")])
    gateway.path.write_text(GOOD + "default_upstream: serving\n")
    for _ in range(3):
        await watcher.check()
    assert gateway.refused == ["models.digits: is in rollout"]
    gateway.objection = None
    await watcher.check()
    assert gateway.in_force.table.default_upstream == "serving"
    before = gateway.in_force
    await watcher.check()
    assert gateway.in_force is before


async def test_another_reason_for_the_same_content_is_told_too(gateway: Gateway) -> None:
    watcher = gateway.watcher()
    gateway.path.write_text(GOOD + "default_upstream: serving\n")
    for model in ("digits", "digits", "faces"):
        gateway.objection = ConfigurationRefused("gateway.yaml", [Problem(("models", model), "is in rollout")])
        await watcher.check()
    assert gateway.refused == ["models.digits: is in rollout", "models.faces: is in rollout"]


async def test_going_back_to_what_is_in_force_ends_the_matter(gateway: Gateway) -> None:
    watcher = gateway.watcher()
    for content in ("upstreams: {}", GOOD + "default_upstream: serving\n"):
        gateway.objection = ConfigurationRefused("gateway.yaml", [Problem((), "no")])
        gateway.path.write_text(content)
        await watcher.check()
        gateway.objection, before = None, gateway.in_force
        gateway.path.write_text(GOOD)
        await watcher.check()
        assert gateway.in_force is not before  # put in force anew: whoever showed the problem shows it no more


async def test_a_bug_in_putting_it_in_force_does_not_end_the_watch(gateway: Gateway) -> None:
    watcher = gateway.watcher(poll_interval_s=0.01)
    watcher.start()
    gateway.objection = RuntimeError("oops")
    gateway.path.write_text(GOOD + "default_upstream: serving\n")
    await gateway.next_report()
    assert gateway.refused == ["could not be put in force: RuntimeError: oops"]
    gateway.objection = None
    gateway.path.write_text(GOOD + "batching: {mode: on}\n")
    await gateway.next_report()
    await watcher.close()
    assert gateway.in_force.table.default_upstream is None


async def test_after_close_no_task_is_left(gateway: Gateway) -> None:
    before = asyncio.all_tasks()
    watcher = gateway.watcher()
    watcher.start()
    await watcher.close()
    await watcher.close()
    assert asyncio.all_tasks() == before
