"""The options of a load test: one table for Locust's command line, its web page and `tidegate loadtest`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loadtests.problems import Problems

DEFAULT_RUN_TIME_S: Final = 60
MAX_RUN_TIME_S: Final = 3600
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_HEADER = re.compile(r"[a-z0-9_.-]+")
_FILES: Final = ("requests", "expected_file", "marks_file", "record_file", "summary_file", "stop_file")


@dataclass(frozen=True, slots=True)
class Option:
    """One flag; `kind` is bool for a switch. Its environment variable is TIDEGATE_LOADTEST_<NAME>."""

    name: str
    kind: type
    default: str | int | float | bool
    help: str

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    @property
    def environment_variable(self) -> str:
        return "TIDEGATE_LOADTEST_" + self.name.upper()


OPTIONS: Final = (
    Option("model", str, "digits", "servable to call (the demo's contract: uint8 pixels in, softmax scores out)"),
    Option("keys", int, 2000, "fixed user keys, each sent in the key header"),
    Option("key_header", str, "x-user-id", "request header that carries the user key"),
    Option("requests", str, "", "file of request rows (JSON lines); empty: made from scikit-learn's digits"),
    Option("connections", int, 4, "gRPC connections of this process"),
    Option("call_timeout_s", float, 10.0, "deadline of one call, seconds"),
    Option("max_calls", int, 0, "end after so many calls; 0: only the run time ends the test"),
    Option("expected_file", str, "", "reference scores a version (JSON lines, may grow during the run)"),
    Option("marks_file", str, "", "when weights stood or moved (JSON lines, read at the end)"),
    Option("record_file", str, "", "write every call (key, arm, version, times) as CSV"),
    Option("summary_file", str, "", "write the facts of the run as JSON"),
    Option("stop_file", str, "", "end gracefully once this file exists"),
    Option("allow_remote", bool, False, "allow an address outside this machine: it will get real load"),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """A load test that can be run: every value checked, files as paths (None where not wanted)."""

    address: str
    model: str
    keys: int
    key_header: str
    connections: int
    call_timeout_s: float
    max_calls: int
    requests: Path | None
    expected_file: Path | None
    marks_file: Path | None
    record_file: Path | None
    summary_file: Path | None
    stop_file: Path | None


def read_settings(address: str | None, values: Mapping[str, Any]) -> Settings:
    """Check an address and the values of OPTIONS by name. Raises: Problems, all at once."""
    problems: list[str] = []
    wanted = (address or "").strip()
    problems += _address_problems(wanted, allow_remote=bool(values["allow_remote"]))
    if not _NAME.fullmatch(values["model"]):
        problems.append(f"--model is {values['model']!r}, must be letters, digits and ._- only")
    if not _HEADER.fullmatch(values["key_header"]) or values["key_header"].endswith("-bin"):
        problems.append(f"--key-header is {values['key_header']!r}, must be a lower-case text header such as x-user-id")
    for name, low, high in (
        ("keys", 1, 1_000_000),
        ("connections", 1, 64),
        ("call_timeout_s", 0.001, 600.0),
        ("max_calls", 0, 1_000_000_000),
    ):
        if not low <= values[name] <= high:
            problems.append(f"--{name.replace('_', '-')} is {values[name]}, must be {low}..{high}")
    for name in ("requests", "expected_file"):
        if values[name] and not Path(values[name]).is_file():
            problems.append(f"--{name.replace('_', '-')}: {values[name]} is not a file")
    for name in ("record_file", "summary_file"):
        if values[name] and not Path(values[name]).resolve().parent.is_dir():
            problems.append(f"--{name.replace('_', '-')}: the folder of {values[name]} does not exist")
    if problems:
        raise Problems("load test", problems)
    paths = {name: Path(values[name]) if values[name] else None for name in _FILES}
    return Settings(
        address=wanted,
        model=values["model"],
        keys=values["keys"],
        key_header=values["key_header"],
        connections=values["connections"],
        call_timeout_s=values["call_timeout_s"],
        max_calls=values["max_calls"],
        **paths,
    )


def run_time_problem(run_time_s: float) -> str | None:
    """Every load test ends by itself: what is wrong with this bound, if anything."""
    if 0 < run_time_s <= MAX_RUN_TIME_S:
        return None
    return f"run time is {run_time_s:g} s, must be over 0 and at most {MAX_RUN_TIME_S} s"


def _address_problems(address: str, *, allow_remote: bool) -> list[str]:
    if "://" in address:
        return [f"address is {address!r}: gRPC takes HOST:PORT without a scheme, such as 127.0.0.1:8500"]
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        return [f"address is {address!r}, must be HOST:PORT, such as 127.0.0.1:8500"]
    if allow_remote or is_loopback(host):
        return []
    return [f"{host} is not this machine: a load test can hurt others; add --allow-remote if that is meant"]


def is_loopback(host: str) -> bool:
    """Whether a host certainly means this machine (names other than localhost don't)."""
    bare = host.removeprefix("[").removesuffix("]")
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False
