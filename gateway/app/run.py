"""Runs a gateway in this process until it is told to stop: signals, parent's end, exit status."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path

import structlog
import uvloop

from gateway.admin.cannot_serve import CannotServe
from gateway.app import memory
from gateway.app.gateway import Bound, Gateway
from gateway.app.report import BUILD
from gateway.config.settings import Settings
from gateway.server.listen import CannotListen

EXIT_OK, EXIT_CUT_OFF, EXIT_WRONG_INPUT = 0, 1, 2

log = structlog.get_logger("app")


def run(
    settings: Settings,
    config_path: Path | None,
    state_dir: Path,
    port_file: Path | None = None,
    exit_with_parent: bool = False,
) -> int:
    """Serve until SIGTERM or SIGINT (or, with `exit_with_parent`, the end of standard input); then drain.

    Returns the exit status: 0; 1 when calls were cut off or a second signal came; 2 when it could not start.
    """
    memory.keep_freed_memory()
    return uvloop.run(_run(settings, config_path, state_dir, port_file, exit_with_parent))


async def _run(
    settings: Settings, config_path: Path | None, state_dir: Path, port_file: Path | None, exit_with_parent: bool
) -> int:
    try:
        gateway = Gateway(settings, config_path, state_dir)
    except OSError as error:
        print(f"gateway: {_words(error)}", file=sys.stderr)
        return EXIT_WRONG_INPUT
    stop = _stop_event(gateway, exit_with_parent)
    try:
        bound = await gateway.start()
    except (CannotServe, CannotListen) as error:
        await gateway.close()
        print(f"gateway: {error}", file=sys.stderr)
        return EXIT_WRONG_INPUT
    except OSError as error:  # a certificate towards an upstream, read when its connections are made
        await gateway.close()
        print(f"gateway: {_words(error)}", file=sys.stderr)
        return EXIT_WRONG_INPUT
    try:
        _tell(bound, settings, port_file)
    except OSError as error:
        await gateway.close()
        print(f"gateway: {port_file}: cannot be written: {error.strerror}; give another --port-file", file=sys.stderr)
        return EXIT_WRONG_INPUT
    memory.settle()
    await stop.wait()
    log.info("draining", unfinished=gateway.context.admission.unfinished)
    clean = await gateway.drain()
    log.info("stopped", calls_cut_off=not clean)
    return EXIT_OK if clean else EXIT_CUT_OFF


def _words(error: OSError) -> str:
    return str(error) if error.filename is None else f"{error.filename}: {error.strerror}"


def _stop_event(gateway: Gateway, exit_with_parent: bool) -> asyncio.Event:
    """Set by the first signal (or the parent's end); the second ends the process at once."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()

    def on_signal() -> None:
        if stop.is_set():
            print("gateway: second signal: ending at once", file=sys.stderr)
            os._exit(EXIT_CUT_OFF)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    loop.add_signal_handler(signal.SIGHUP, gateway.reload_now)
    if exit_with_parent:

        def on_input() -> None:
            if not os.read(0, 4096):
                loop.remove_reader(0)
                stop.set()

        loop.add_reader(0, on_input)
    return stop


def _tell(bound: Bound, settings: Settings, port_file: Path | None) -> None:
    """Where it listens, for people and, in `port_file`, for supervisors (written whole or not at all)."""
    log.info(
        "gateway serves",
        address=f"{settings.server.host}:{bound.port}",
        pages=f"http://{settings.http.host}:{bound.http_port}",
        upstreams=",".join(settings.upstreams),
        build=BUILD,
    )
    if port_file is not None:
        draft = port_file.with_name(f".{port_file.name}.tmp")
        draft.write_text(json.dumps(asdict(bound)), encoding="utf-8")
        draft.replace(port_file)
