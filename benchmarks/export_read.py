"""Reads what the gate wrote: of a published version its export.json, of a refused one what it printed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.errors import BenchmarkFailed
from benchmarks.export_outcome import Figures

_BATCH = "batch_"


def figures_of(content: Mapping[str, Any]) -> tuple[Figures, Figures | None]:
    """Of the version, and of the float32 baseline measured in turns with it; None where this is it.

    Raises: BenchmarkFailed when the content isn't as docs/gate.md says.
    """
    steps = _read(content, "steps")
    if not steps:
        raise BenchmarkFailed("export.json: steps is empty, must begin with float32")
    return _figures(steps[-1]), _figures(steps[0]) if len(steps) > 1 else None


def verdict_words(content: Mapping[str, Any]) -> str | None:
    """The gate's headline; None for float32, which isn't judged."""
    verdict = _read(content, "verdict")
    return None if verdict is None else str(_read(verdict, "headline"))


def refusal_reasons(content: Mapping[str, Any]) -> list[str]:
    """Why the gate refuses, one sentence each."""
    return [str(reason) for reason in _read(_read(content, "verdict"), "reasons")]


def _figures(step: Mapping[str, Any]) -> Figures:
    ratio = _read(_read(step, "accuracy"), "ratio") or {}
    return Figures(
        size_bytes=_read(step, "size_bytes"),
        compressed_bytes=_read(step, "compressed_bytes"),
        parameters=_read(step, "parameters"),
        accuracy=ratio.get("value"),
        accuracy_low=ratio.get("low"),
        accuracy_high=ratio.get("high"),
        load_s=_read(_read(step, "load"), "median_us") / 1e6,
        memory_bytes=_read(_read(step, "memory"), "called_bytes"),
        latency_us={
            int(name.removeprefix(_BATCH)): _read(latency, "median_us")
            for name, latency in _read(step, "latency").items()
        },
    )


def _read(content: Mapping[str, Any], key: str) -> Any:
    if key not in content:
        raise BenchmarkFailed(f"export.json: {key} is missing; its format has changed, so must benchmarks.export_read")
    return content[key]
