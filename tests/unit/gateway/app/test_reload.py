"""Whatever goes wrong when a changed file is put in force is told and counted; the watch goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.app.gateway import Gateway
from gateway.app.reload import Reloads
from gateway.config.settings import Settings
from tests.fakes.waiting import until
from tests.unit.gateway.app.settings import settings_of


@dataclass
class House:
    gateway: Gateway
    reloads: Reloads
    path: Path

    def outcomes(self) -> dict[tuple[str, ...], int]:
        return self.gateway.counters.config_reloads.series


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    path, settings = tmp_path / "gateway.yaml", settings_of(tmp_path, "default_upstream: pool\n")
    gateway = Gateway(settings, path, tmp_path / "state")
    reloads = Reloads(path, gateway.world, gateway.rollouts, gateway.report, gateway.counters)
    yield House(gateway, reloads, path)
    await reloads.close()
    await gateway.close()


def write(house: House, rest: str, upstream: str = "") -> None:
    house.path.write_text(f"upstreams: {{pool: {{replicas: ['127.0.0.1:1']{upstream}}}}}\n{rest}")


async def test_a_bug_in_putting_it_in_force_is_told(house: House) -> None:
    apply = house.gateway.world.apply

    async def broken(new: Settings, in_rollout: Callable[[], set[str]]) -> None:
        raise KeyError("oops")

    house.gateway.world.apply = broken  # type: ignore[method-assign]  # stands for a bug
    write(house, "default_upstream: pool\n")
    house.reloads.start()
    house.reloads.check_now()
    await until(lambda: house.outcomes() == {("refused",): 1}, "the bug to be told")
    assert house.gateway.report.problems[-1].endswith("could not be put in force: KeyError: 'oops'")
    house.gateway.world.apply = apply  # type: ignore[method-assign]  # mended
    house.reloads.check_now()
    await until(lambda: ("applied",) in house.outcomes(), "the same content to be put in force")
    assert house.gateway.report.problems == ()


async def test_a_certificate_that_went_away_is_named(house: House) -> None:
    """Here: once the settings were read and before they are in force."""
    certificate, apply = house.path.with_name("ca.pem"), house.gateway.world.apply
    certificate.write_text("a certificate")

    async def without_certificate(new: Settings, in_rollout: Callable[[], set[str]]) -> None:
        certificate.unlink()
        await apply(new, in_rollout)

    house.gateway.world.apply = without_certificate  # type: ignore[method-assign]  # the file goes at that moment
    write(house, "default_upstream: pool\n", ", tls: {ca_file: ca.pem}")
    house.reloads.start()
    house.reloads.check_now()
    await until(lambda: house.outcomes() == {("refused",): 1}, "the missing file to be told")
    assert house.gateway.report.problems[-1].endswith(f"upstreams: {certificate}: No such file or directory")
