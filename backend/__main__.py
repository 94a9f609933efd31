"""The embedded TensorFlow Serving: `python -m backend --model_base_path=/models/NAME`."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import NoReturn

from backend.errors import StartError
from backend.flags import Flags, parse, usage
from backend.prestart import prepare

log = logging.getLogger("backend")
EXIT_OK, EXIT_CUT_OFF, EXIT_WRONG_INPUT = 0, 1, 2


def main(argv: Sequence[str]) -> int:
    """Run the server until a signal; returns the exit status: 0, 1 (calls were cut off) or 2 (wrong input)."""
    try:
        flags = parse(argv)
        if flags.help:
            print(usage())
            return EXIT_OK
        if flags.version:
            return _print_version()
        return _serve(flags)
    except StartError as error:
        print(f"backend: {error}", file=sys.stderr)
        return EXIT_WRONG_INPUT


def _serve(flags: Flags) -> int:
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.INFO, stream=sys.stderr)
    for name in flags.ignored:
        log.warning("--%s has no effect in the embedded backend and is ignored", name)
    stopping = threading.Event()
    _handle_signals(stopping)
    if flags.exit_with_parent:
        threading.Thread(target=_watch_stdin, args=(stopping,), name="parent-watch", daemon=True).start()
    prepared = prepare(flags)
    _prepare_tensorflow()
    # Importing TensorFlow takes seconds, so wrong input is told before it.
    from backend.server import Server

    server = Server(flags, prepared, stopping)
    try:
        server.start()
        stopping.wait()
    except StartError:
        server.stop(0)
        if stopping.is_set():
            return EXIT_OK
        raise
    log.info("draining: no new calls; up to %d s for those in flight", flags.drain_timeout_seconds)
    finished = server.stop(flags.drain_timeout_seconds)
    log.info("stopped")
    return EXIT_OK if finished else EXIT_CUT_OFF


def _prepare_tensorflow() -> None:
    """Keep TensorFlow's start-up chatter from hiding our log lines (errors still show), and Keras from being imported.

    A SavedModel runs without Keras, whose import is a good part of the start-up time and memory.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def _handle_signals(stopping: threading.Event) -> None:
    def on_signal(number: int, frame: object) -> None:
        if stopping.is_set():
            os._exit(EXIT_CUT_OFF)
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, on_signal)


def _watch_stdin(stopping: threading.Event) -> None:
    """A supervisor holds the other end of our standard input; its end means that the supervisor is gone."""
    try:
        while os.read(0, 4096):
            pass
    except OSError as error:
        log.warning("standard input can't be read: %s", error)
    stopping.set()


def _print_version() -> int:
    from importlib.metadata import version

    print(f"TensorFlow ModelServer: embedded, tidegate {version('tidegate')}")
    print(f"TensorFlow Library: {version('tensorflow')}")
    return EXIT_OK


def run(argv: Sequence[str]) -> NoReturn:
    """Run and leave at once: TensorFlow's and gRPC's threads need no tidying, and can hang an orderly exit."""
    status = main(argv)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    run(sys.argv[1:])
