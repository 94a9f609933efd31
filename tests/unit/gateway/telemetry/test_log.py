"""The log: a line is a line, whatever a client puts into a name."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from gateway.telemetry.log import escape, set_up_logging

FORGED = 'digits\n{"event": "all is well"}\x1b[31m\u202e'


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    yield io.StringIO()
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


def test_one_event_is_one_json_line(stream: io.StringIO) -> None:
    set_up_logging(stream=stream)
    structlog.get_logger().info("version promoted", model="digits", version=2)
    (line,) = stream.getvalue().splitlines()
    event = json.loads(line)
    assert event.pop("timestamp").endswith("Z")
    assert event == {"event": "version promoted", "level": "info", "model": "digits", "version": 2}


@pytest.mark.parametrize("json_lines", [True, False])
def test_a_value_can_neither_forge_a_line_nor_colour_it(stream: io.StringIO, json_lines: bool) -> None:
    set_up_logging(stream=stream, json_lines=json_lines)
    structlog.get_logger().warning("unknown model", model=FORGED, raw=FORGED.encode())
    (line,) = stream.getvalue().splitlines()
    assert line.isprintable()
    assert r"\x1b[31m" in line


def test_a_traceback_keeps_its_lines_but_not_their_control_characters(stream: io.StringIO) -> None:
    set_up_logging(stream=stream, json_lines=False)
    try:
        raise ValueError("bad \x1b[31m value")
    except ValueError:
        structlog.get_logger().exception("call failed")
    assert "Traceback" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_below_the_level_nothing_is_written(stream: io.StringIO) -> None:
    set_up_logging("warning", stream=stream)
    structlog.get_logger().info("quiet")
    assert stream.getvalue() == ""


def test_warnings_of_libraries_take_the_same_form(stream: io.StringIO) -> None:
    set_up_logging(stream=stream)
    logging.getLogger("asyncio").warning("slow callback %s", FORGED)
    logging.getLogger("asyncio").info("not wanted")
    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["level"] == "warning"
    assert "slow callback digits" in json.loads(line)["event"]


def test_an_unknown_level_is_refused_with_the_levels_there_are(stream: io.StringIO) -> None:
    with pytest.raises(ValueError, match="level: got 'loud', must be one of debug, info, warning, error"):
        set_up_logging("loud", stream=stream)


def test_long_values_are_cut_and_plain_ones_left_alone() -> None:
    assert escape("x" * 5_000) == "x" * 2_048 + "..."
    assert escape("zoë → 数") == "zoë → 数"
    assert escape(b"\xff") == r"\xff"
