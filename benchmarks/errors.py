"""Why a benchmark can't go on; its text is for the person who started it."""

from __future__ import annotations


class BenchmarkFailed(Exception):
    """What happened, where, and what to do."""
