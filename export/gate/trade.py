"""What a variant bought and what it cost, in short phrases with numbers. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from export.gate.bounds import LEAST_SPEEDUP
from export.gate.figures import Figures

_LEAST = 1.02  # ratios nearer to 1 are neither gain nor cost
MEMORY_NOISE_BYTES = 8_000_000  # two fresh processes with one version differ by a few megabytes


def ratio(baseline: float, variant: float) -> float:
    """The baseline's through the variant's: above 1 is a gain. Nothing at all is infinitely small."""
    return baseline / variant if variant else float("inf")


def gain_words(value: float, better: str, worse: str) -> str:
    """Say a ratio plainly: `2.10 x smaller`, `1.50 x larger`, `the same`."""
    if 0.995 < value < 1.005:
        return "the same"
    return f"{value:.2f} x {better}" if value > 1 else f"{1 / value:.2f} x {worse}"


def gains(baseline: Figures, variant: Figures) -> list[str]:
    """What is better than float32 by 2 % at least."""
    found = [words for value, words in _ratios(baseline, variant) if value >= _LEAST]
    if variant.difference is not None and variant.difference.ratio.value > 0:
        found.append(f"accuracy {variant.difference.ratio.value * 100:+.2f} points")
    return found


def costs(baseline: Figures, variant: Figures) -> list[str]:
    """What is worse than float32 by 2 % at least, and the accuracy lost."""
    found = [words for value, words in _ratios(baseline, variant) if value <= 1 / _LEAST]
    if variant.difference is not None and variant.difference.ratio.value < 0:
        found.append(f"accuracy {variant.difference.ratio.value * 100:+.2f} points")
    elif variant.difference is None and variant.agreement is not None and variant.agreement.ratio.value < 1:
        found.append(f"{1 - variant.agreement.ratio.value:.2%} of the rows answered otherwise than by float32")
    if variant.broken_rows:
        found.append(f"{variant.broken_rows} rows answered with NaN or infinity")
    return found


def _ratios(baseline: Figures, variant: Figures) -> Iterator[tuple[float, str]]:
    """Ratio and words of what stands out of the noise: intervals without 1, extremes that don't overlap."""
    size = ratio(baseline.size_bytes, variant.size_bytes)
    yield size, f"{gain_words(size, 'smaller', 'larger')} on disk"
    squeezed = ratio(baseline.compressed_bytes, variant.compressed_bytes)
    yield squeezed, f"{gain_words(squeezed, 'smaller', 'larger')} compressed"
    memory = ratio(baseline.memory.called_bytes, variant.memory.called_bytes)
    if abs(baseline.memory.called_bytes - variant.memory.called_bytes) >= MEMORY_NOISE_BYTES:
        yield memory, f"{gain_words(memory, 'less', 'more')} memory"
    load, base_load = variant.load, baseline.load
    if load.most_us < base_load.least_us or base_load.most_us < load.least_us:
        faster = ratio(base_load.median_us, load.median_us)
        yield faster, f"loads {gain_words(faster, 'faster', 'slower')}"
    for one in variant.latencies:
        if one.speedup is None or one.speedup.low <= 1 <= one.speedup.high:
            continue
        if one.speedup.value >= LEAST_SPEEDUP or one.speedup.value <= 1 / LEAST_SPEEDUP:
            yield one.speedup.value, f"{gain_words(one.speedup.value, 'faster', 'slower')} at batch {one.rows}"
    flow, base_flow = variant.throughput, baseline.throughput
    if flow.ratio is not None and (flow.least > base_flow.most or base_flow.least > flow.most):
        yield flow.ratio, f"{gain_words(flow.ratio, 'more', 'fewer')} rows a second with {flow.callers} callers"
