"""Stop signals: raised where they strike, remembered if that is swallowed, held back while folders are removed."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

from export.errors import InterruptedExportError

_STOP_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


@dataclass(slots=True)
class _Stop:
    """Of the whole process, as signals are. number: the first signal that came; removals: how many run."""

    number: signal.Signals | None = None
    removals: int = 0


_STOP = _Stop()


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
    """Within, SIGTERM, SIGHUP and SIGINT raise InterruptedExportError, so that temporary folders are removed.

    They strike anywhere, also in libraries that catch all there is (`except:`, callbacks from C, `__del__`). So a
    signal is remembered too: see check_not_stopped.
    """
    _STOP.number = None
    before = {number: signal.signal(number, _stop) for number in _STOP_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _STOP.number = None


def _stop(number: int, _frame: FrameType | None) -> None:
    _STOP.number = _STOP.number or signal.Signals(number)
    if not _STOP.removals:
        check_not_stopped()


def check_not_stopped() -> None:
    """Go no further after a signal, whatever became of what it raised. Raises: InterruptedExportError."""
    if (words := stop_words()) is not None:
        raise InterruptedExportError(words)


def stop_words() -> str | None:
    """Which signal came first, in words; None: none."""
    return None if _STOP.number is None else f"stopped by {_STOP.number.name}"


@contextlib.contextmanager
def removing() -> Iterator[None]:
    """Within, a signal is only remembered: a second one mustn't leave half of a folder behind."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals strike in the main thread only
        return
    _STOP.removals += 1
    try:
        yield
    finally:
        _STOP.removals -= 1
