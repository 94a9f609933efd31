"""HTTP pages for machines: /metrics for Prometheus, /healthz (the loop lives) and /readyz (it can answer calls)."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from gateway.admin.cannot_serve import CannotServe

# Why the gateway should get no calls now; empty when it should.
Readiness = Callable[[], list[str]]


def make_http_app(registry: CollectorRegistry, readiness: Readiness) -> web.Application:
    async def metrics(request: web.Request) -> web.Response:
        encoder, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encoder(registry), headers={"Content-Type": content_type})

    async def healthz(request: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def readyz(request: web.Request) -> web.Response:
        problems = readiness()
        return web.json_response({"ready": not problems, "problems": problems}, status=503 if problems else 200)

    app = web.Application()
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), web.get("/readyz", readyz)])
    return app


class HttpPages:
    """Made by `serve_http`; `port` is the one bound (of use after asking for port 0)."""

    def __init__(self, runner: web.AppRunner, port: int) -> None:
        self._runner = runner
        self.port = port

    async def close(self) -> None:
        await self._runner.cleanup()


async def serve_http(app: web.Application, host: str, port: int) -> HttpPages:
    """Raises: CannotServe, as on a busy port."""
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    site = web.TCPSite(runner, host, port)
    try:
        await site.start()
    except OSError as error:
        await runner.cleanup()
        raise CannotServe(
            f"HTTP port {host}:{port} cannot be opened: {error.strerror or error}; give a free --http-port"
        ) from error
    bound = runner.addresses[0]
    return HttpPages(runner, int(bound[1]))
