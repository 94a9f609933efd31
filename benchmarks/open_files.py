"""The bound on open files: 1,000 connections need more than many systems allow a process unasked."""

from __future__ import annotations

import resource

from benchmarks.errors import BenchmarkFailed


def allow_open_files(wanted: int) -> None:
    """Raise this process's bound, and that of children started later. Raises: BenchmarkFailed where it may not."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise BenchmarkFailed(f"{wanted} open files are needed, {hard} are allowed; first do `ulimit -Hn {wanted}`")
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
