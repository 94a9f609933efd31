"""The log: one JSON object a line on stderr, or readable lines on a terminal; values can't forge lines or colours."""

from __future__ import annotations

import logging
import sys
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

LEVELS: Final = ("debug", "info", "warning", "error")
MAX_VALUE_CHARS: Final = 2048


def set_up_logging(level: str = "info", json_lines: bool | None = None, stream: TextIO | None = None) -> None:
    """Send what this process logs, libraries' warnings included, to `stream` (default: stderr).

    `json_lines` None: JSON unless the stream is a terminal. Raises: ValueError when `level` isn't one of LEVELS.
    """
    if level not in LEVELS:
        raise ValueError(f"level: got {level!r}, must be one of {', '.join(LEVELS)}")
    out = sys.stderr if stream is None else stream
    threshold = logging.getLevelNamesMapping()[level.upper()]
    chain: list[Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        escape_values,
    ]
    render = _renderer(out, not out.isatty() if json_lines is None else json_lines)
    structlog.configure(
        processors=[*chain, render],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(out),
        cache_logger_on_first_use=False,
    )
    libraries = logging.StreamHandler(out)
    remove_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    libraries.setFormatter(
        structlog.stdlib.ProcessorFormatter(foreign_pre_chain=chain, processors=[remove_meta, render])
    )
    logging.basicConfig(handlers=[libraries], level=max(threshold, logging.WARNING), force=True)


def _renderer(out: TextIO, json_lines: bool) -> Processor:
    if json_lines:
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=structlog.dev.plain_traceback)


def escape_values(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape every text value (model names and header values come from clients); a traceback keeps its lines."""
    for key, value in event.items():
        if key == "exception":
            event[key] = "\n".join(map(escape, str(value).splitlines()))
        elif isinstance(value, (str, bytes)):
            event[key] = escape(value)
    return event


def escape(value: str | bytes) -> str:
    """One printable line: control, bidirectional and undecodable characters as backslash escapes, long text cut."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
    if len(text) > MAX_VALUE_CHARS:
        text = text[:MAX_VALUE_CHARS] + "..."
    return text if text.isprintable() else "".join(map(_escaped, text))


def _escaped(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
