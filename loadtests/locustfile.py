"""Locust's entry: a gRPC user of the `digits` servable. `locust -f loadtests/locustfile.py --host 127.0.0.1:8500`

A closed loop: each user sends its next call when the last was answered, so a slow server is asked less.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import gevent
import gevent.socket
import grpc.experimental.gevent as grpc_gevent
from locust import User, constant, events
from locust.exception import StopUser
from locust.runners import LocalRunner, MasterRunner

from loadtests.options import DEFAULT_RUN_TIME_S, MAX_RUN_TIME_S, OPTIONS, read_settings
from loadtests.problems import Problems
from loadtests.session import Session
from loadtests.summary import promises_kept

grpc_gevent.init_gevent()  # before any channel: else a call would block every user of this process

OWNER_PIPE = "TIDEGATE_LOADTEST_OWNER_PIPE"
WATCH_S = 0.2
STOP_TIMEOUT_S = 11.0  # longer than a call may last by default, so that none is abandoned at the end
log = logging.getLogger("tidegate.loadtest")


class Running:
    """The test in progress, if any, and the greenlets that watch it."""

    def __init__(self) -> None:
        self.session: Session | None = None
        self.watchers: list[Any] = []


running = Running()


def predict(user: User) -> None:
    """The only task: one call, told to Locust."""
    session = running.session
    if session is None or session.exhausted:
        raise StopUser
    outcome = session.call()
    user.environment.events.request.fire(
        request_type="grpc",
        name=f"Predict {session.settings.model}",
        response_time=outcome.elapsed_ms,
        response_length=outcome.reply_bytes,
        exception=outcome.error,
        context={},
    )


class DigitsUser(User):  # type: ignore[misc]  # mypy skips Locust (pyproject.toml), so its classes are Any
    """A user that calls Predict again as soon as it was answered."""

    wait_time = constant(0)
    tasks: ClassVar = [predict]


def add_options(parser: Any) -> None:
    for option in OPTIONS:
        if option.kind is bool:
            extra: dict[str, Any] = {"action": "store_true"}
        else:
            extra = {"type": option.kind, "default": option.default}
        parser.add_argument(option.flag, env_var=option.environment_variable, help=option.help, **extra)
    parser.set_defaults(run_time=DEFAULT_RUN_TIME_S, stop_timeout=STOP_TIMEOUT_S)


def prepare(environment: Any, **_: Any) -> None:
    """Before Locust starts: watch our owner and, when headless, connect now, so that the run time counts calls only.

    Raises: SystemExit 2 when the test can't run, said in one message.
    """
    if os.environ.get(OWNER_PIPE):
        gevent.spawn(_wait_for_owner, environment.runner)
    if environment.parsed_options.headless and isinstance(environment.runner, LocalRunner):
        try:
            running.session = _new_session(environment)
        except Problems as problems:
            sys.stderr.write(f"{problems}\n")
            raise SystemExit(2) from problems


def _new_session(environment: Any) -> Session:
    options = environment.parsed_options
    values = {option.name: getattr(options, option.name) for option in OPTIONS}
    return Session(read_settings(environment.host, values))


def _wait_for_owner(runner: Any) -> None:
    gevent.socket.wait_read(0)
    if not os.read(0, 1):
        log.warning("the owner has gone: ending")
        runner.quit()


def start(environment: Any, **_: Any) -> None:
    """A test begins: connect (web page, workers), and watch for its end."""
    if isinstance(environment.runner, MasterRunner):
        return
    if running.session is None:
        try:
            running.session = _new_session(environment)
        except Problems as problems:
            log.error("%s", problems)
            gevent.spawn(environment.runner.stop)
            return
    running.watchers = [
        gevent.spawn(_watch, running.session, environment.runner),
        gevent.spawn_later(MAX_RUN_TIME_S, environment.runner.stop),
    ]


def _watch(session: Session, runner: Any) -> None:
    """End the test on the stop file or when the calls are used up; read references that were added meanwhile."""
    stop_file = session.settings.stop_file
    while not session.exhausted and not (stop_file and stop_file.exists()):
        try:
            session.expected.refresh()
        except Problems as problems:
            session.warn(str(problems))
        gevent.sleep(WATCH_S)
    gevent.spawn(_end(runner))


def _end(runner: Any) -> Callable[[], None]:
    """How this test ends early: the whole process when headless, else only the test, so that the page stays."""
    end: Callable[[], None] = runner.quit if runner.environment.parsed_options.headless else runner.stop
    return end


def finish(environment: Any, **_: Any) -> None:
    session, running.session = running.session, None
    if session is None:
        return
    gevent.killall(running.watchers, block=False)
    summary = session.finish(environment.parsed_options.num_users or 0)
    environment.process_exit_code = 0 if promises_kept(summary) else 1
    for warning in summary["warnings"]:
        log.warning("%s", warning)
    log.warning(
        "closed loop: %(calls)s calls, %(failed_calls)s failed, %(throughput_rps)s a second, "
        "%(sticky_violations)s sticky violations, latency (ms) %(latency_ms)s",
        summary,
    )


def stop_first(environment: Any, **_: Any) -> None:
    """On SIGTERM Locust decides its exit status before it stops the users: stop them here, so that ours counts."""
    if running.session is not None:
        environment.runner.stop()


events.init_command_line_parser.add_listener(add_options)
events.init.add_listener(prepare)
events.test_start.add_listener(start)
events.test_stop.add_listener(finish)
events.quitting.add_listener(stop_first)
