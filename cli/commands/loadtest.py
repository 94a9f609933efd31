"""`tidegate loadtest`: drive Predict calls with Locust, check every reply, print what was measured."""

from __future__ import annotations

import importlib.util
import json
import re
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import click

from loadtests.options import DEFAULT_RUN_TIME_S, OPTIONS

_SPAN = re.compile(r"(\d+(?:\.\d+)?)(s|m|h)?")
_SECONDS = {None: 1, "s": 1, "m": 60, "h": 3600}


class Span(click.ParamType[float]):
    """A length of time such as 90, 90s, 1.5m or 1h, as seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        match = _SPAN.fullmatch(str(value))
        if not match:
            self.fail(f"{value!r} is no length of time; write 90s, 2m or 1h", param, ctx)
        return float(match[1]) * _SECONDS[match[2]]


def _table_options(function: Callable[..., None]) -> Callable[..., None]:
    """Give a command every option of the load test's table."""
    for option in reversed(OPTIONS):
        decorate = click.option(
            option.flag,
            option.name,
            help=option.help,
            show_default=option.kind is not bool and option.default != "",
            default=option.default,
            **({"is_flag": True} if option.kind is bool else {"type": option.kind}),
        )
        function = decorate(function)
    return function


@click.command("loadtest")
@click.option("--address", default="127.0.0.1:8500", show_default=True, help="gateway or TensorFlow Serving, HOST:PORT")
@click.option("--users", default=24, show_default=True, help="callers, each with one call in flight (closed loop)")
@click.option("--run-time", type=Span(), default=f"{DEFAULT_RUN_TIME_S}s", show_default=True, help="upper bound")
@click.option("--json", "as_json", is_flag=True, help="print the summary as JSON")
@_table_options
def command(address: str, users: int, run_time: float, as_json: bool, **values: Any) -> None:
    """Measure a gateway or TensorFlow Serving with Locust, every reply checked.

    Exit status 0: no call failed and no key strayed. 1: a promise was broken. 2: the test could not run.
    """
    if importlib.util.find_spec("locust") is None:
        raise UsageError("Locust is not installed: pip install 'tidegate[loadtest]'")
    from loadtests.launch import CouldNotRun, LoadTest
    from loadtests.problems import Problems
    from loadtests.summary import promises_kept

    if not as_json:
        click.echo(f"{users} users call {values['model']} at {address} for at most {run_time:g} s ...", err=True)
    try:
        with LoadTest(address, users, run_time, values) as test:
            _stop_on_signals(test.stop)
            summary = test.wait()
    except (Problems, CouldNotRun) as error:
        raise UsageError(str(error)) from error
    if as_json:
        click.echo(json.dumps(summary, indent=2))
    else:
        show(summary)
    sys.exit(0 if promises_kept(summary) else 1)


class UsageError(click.ClickException):
    """The test could not run as asked: one message, exit status 2."""

    exit_code = 2


def _stop_on_signals(stop: Callable[[], None]) -> None:
    """The first SIGINT or SIGTERM ends the test gracefully, a second one at once."""

    def on_signal(number: int, frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)
        stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)


def show(summary: dict[str, Any]) -> None:
    """Print a summary for people."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console(highlight=False)
    latency = summary["latency_ms"]
    table = Table("measured (closed loop)", "value", title=f"{summary['model']} at {summary['address']}")
    table.add_row("calls", f"{summary['calls']} by {summary['users']} users over {summary['connections']} connections")
    table.add_row("failed calls", str(summary["failed_calls"]))
    if summary["unfinished_calls"]:
        table.add_row("abandoned at the end", str(summary["unfinished_calls"]))
    table.add_row("throughput", f"{summary['throughput_rps']} calls/s over {summary['measured_s']} s")
    table.add_row("latency p50 / p95 / p99", f"{latency['p50']} / {latency['p95']} / {latency['p99']} ms")
    table.add_row("keys that strayed (calls)", _strays(summary))
    console.print(table)
    arms = Table("arm", "version", "calls", "keys", "right answers")
    for arm in summary["arms"]:
        cells = (arm["version"], str(arm["calls"]), str(arm["keys"]), f"{arm['accuracy_ratio']:.2%}")
        arms.add_row(escape(arm["arm"]), *cells)
    console.print(arms)
    for failure in summary["failures"]:
        console.print(f"failed: {failure['count']} x {failure['code']}: {escape(failure['message'])}")
    for example in summary["sticky"]["examples"]:
        console.print(f"strayed: {escape(example)}")
    for warning in summary["warnings"]:
        console.print(f"warning: {escape(warning)}")
    if summary["unrecorded_calls"]:
        console.print(f"not checked for stickiness: {summary['unrecorded_calls']} calls beyond the record's bound")


def _strays(summary: dict[str, Any]) -> str:
    if summary["sticky_violations"] is None:
        return f"unknown: {summary['marks_problem']}"
    return str(summary["sticky_violations"])
