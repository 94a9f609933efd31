"""The HTTP pages, over real sockets on 127.0.0.1."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from prometheus_client import CollectorRegistry, Counter

from gateway.admin.cannot_serve import CannotServe
from gateway.admin.http import HttpPages, make_http_app, serve_http


class Gateway:
    """What the pages are asked about."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.calls = Counter("tidegate_calls", "Calls.", registry=self.registry)
        self.problems: list[str] = []


@pytest.fixture
def gateway() -> Gateway:
    return Gateway()


@pytest.fixture
async def pages(gateway: Gateway) -> AsyncIterator[HttpPages]:
    pages = await serve_http(make_http_app(gateway.registry, lambda: gateway.problems), "127.0.0.1", 0)
    yield pages
    await pages.close()


@pytest.fixture
async def http(pages: HttpPages) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"http://127.0.0.1:{pages.port}") as session:
        yield session


async def test_metrics_tell_the_counters_in_prometheus_text(gateway: Gateway, http: aiohttp.ClientSession) -> None:
    gateway.calls.inc(3)
    async with http.get("/metrics") as response:
        assert response.status == 200
        assert response.content_type == "text/plain"
        assert "tidegate_calls_total 3.0\n" in await response.text()


async def test_metrics_answer_in_openmetrics_when_asked(http: aiohttp.ClientSession) -> None:
    async with http.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"}) as response:
        assert response.content_type == "application/openmetrics-text"
        assert (await response.text()).endswith("# EOF\n")


async def test_alive_even_while_not_ready(gateway: Gateway, http: aiohttp.ClientSession) -> None:
    gateway.problems = ["model digits: AVAILABLE on no replica"]
    async with http.get("/healthz") as response:
        assert (response.status, await response.json()) == (200, {"alive": True})


async def test_ready_without_problems(http: aiohttp.ClientSession) -> None:
    async with http.get("/readyz") as response:
        assert (response.status, await response.json()) == (200, {"ready": True, "problems": []})


async def test_not_ready_tells_every_reason(gateway: Gateway, http: aiohttp.ClientSession) -> None:
    gateway.problems = ["model digits: AVAILABLE on no replica", "draining"]
    async with http.get("/readyz") as response:
        assert (response.status, await response.json()) == (503, {"ready": False, "problems": gateway.problems})


async def test_a_busy_port_is_one_clear_error(gateway: Gateway, pages: HttpPages) -> None:
    app = make_http_app(gateway.registry, list)
    with pytest.raises(
        CannotServe, match=f"HTTP port 127.0.0.1:{pages.port} cannot be opened: .*in use.*; give a free"
    ):
        await serve_http(app, "127.0.0.1", pages.port)
