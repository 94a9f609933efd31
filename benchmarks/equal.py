"""The equality check: generated calls through a joining gateway and straight to the same server, replies compared."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from benchmarks import machine
from benchmarks.children import READY_S
from benchmarks.equal_calls import Generated, generated
from benchmarks.equal_exchange import Reply, answers
from benchmarks.equal_spec import MODELS
from benchmarks.errors import BenchmarkFailed
from benchmarks.joined import Joined, joined_by_model
from benchmarks.servers import Server, Starter
from deploy.compiled.stamp import FOLDER as COMPILED
from deploy.compiled.stamp import is_current

CALLERS: Final = 64
CHUNK: Final = 64 * CALLERS  # calls made, compared and forgotten at a time
SHOWN: Final = 20  # differences in the results, of all that there are
LEAST_PER_JOIN: Final = 1.5  # below, joining is hardly tested
PADDED: Final = {"many": {"batching": {"max_batch_size": 32, "allowed_batch_sizes": [4, 8, 16, 32]}}}
Tell = Callable[[str], None]


@dataclass(slots=True)
class Tally:
    """Of one model. `same_bytes`: replies that are equal as they are, before decoding."""

    calls: int = 0
    rows: int = 0
    same_bytes: int = 0
    different: int = 0
    largest_relative: float = 0.0


@dataclass(slots=True)
class Outcome:
    """`joined`: by model, from the gateway's metrics. `differences`: the first few, in words."""

    tallies: dict[str, Tally] = field(default_factory=lambda: {model.name: Tally() for model in MODELS})
    joined: Mapping[str, Joined] = field(default_factory=dict)
    differences: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def calls(self) -> int:
        """Of all models."""
        return sum(tally.calls for tally in self.tallies.values())

    @property
    def different(self) -> int:
        """Calls of all models whose replies differ where they must not."""
        return sum(tally.different for tally in self.tallies.values())

    def too_little(self) -> list[str]:
        """Models whose calls hardly met: equality proves nothing for them."""
        found = {name: self.joined.get(name, Joined()).members_per_join for name in self.tallies}
        return [
            f"{name}: {mean:.2f} calls per join, {LEAST_PER_JOIN} are wanted"
            for name, mean in found.items()
            if mean < LEAST_PER_JOIN
        ]


def hold(calls: int, seed: int, compiled: bool, tell: Tell) -> Outcome:
    """Make `calls` calls, rounded up to whole chunks. Raises: BenchmarkFailed."""
    if compiled and not is_current():
        raise BenchmarkFailed("the compiled gateway is not built from the sources as they are; run make compiled")
    with tempfile.TemporaryDirectory(prefix="tidegate-equal-") as folder, ExitStack() as stack:
        start = Starter(stack, Path(folder))
        models = make_models(Path(folder))
        backend = start.backend("backend", models, batching=False)
        gateway = start.gateway(
            "gateway", backend.port, batching="auto", folder=COMPILED if compiled else None, models=PADDED
        )
        started = time.monotonic()
        outcome = asyncio.run(_exchange(gateway, backend, calls, random.Random(seed), tell))
        outcome.seconds = round(time.monotonic() - started, 1)
        outcome.joined = joined_by_model(gateway)
    return outcome


def make_models(folder: Path) -> dict[str, Path]:
    """Folders of versions by name. Raises: BenchmarkFailed."""
    command = [sys.executable, "-m", "benchmarks.equal_models", str(folder)]
    environment = os.environ | {"TF_USE_LEGACY_KERAS": "1", "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    try:
        done = subprocess.run(command, capture_output=True, timeout=READY_S, env=environment, check=False)
    except subprocess.TimeoutExpired as error:
        raise BenchmarkFailed(f"the models were not made within {READY_S:.0f} s; is the machine busy?") from error
    if done.returncode:
        raise BenchmarkFailed(f"the models can't be made:\n{done.stderr.decode(errors='replace').strip()[-2000:]}")
    return {model.name: folder / model.name for model in MODELS}


async def _exchange(gateway: Server, backend: Server, calls: int, chance: random.Random, tell: Tell) -> Outcome:
    """Both ways at once, chunk after chunk."""
    outcome = Outcome()
    while outcome.calls < calls:
        chunk = [generated(chance) for _ in range(min(CHUNK, -(-(calls - outcome.calls) // CALLERS) * CALLERS))]
        messages = [call.message for call in chunk]
        async with asyncio.TaskGroup() as group:
            joined = group.create_task(answers(gateway.port, messages, CALLERS))
            alone = group.create_task(answers(backend.port, messages, CALLERS))
        for call, ours, theirs in zip(chunk, joined.result(), alone.result(), strict=True):
            count(outcome, call, ours, theirs)
        tell(f"{outcome.calls:,} calls compared, {outcome.different:,} differ")
    return outcome


def count(outcome: Outcome, call: Generated, joined: Reply, alone: Reply) -> None:
    """Compare the two replies to one call, and remember what came of it."""
    from benchmarks.equal_replies import compare

    compared = compare(call.model, joined, alone)
    tally = outcome.tallies[call.model.name]
    tally.calls += 1
    tally.rows += call.rows
    tally.same_bytes += compared.same_bytes
    tally.largest_relative = max(tally.largest_relative, compared.relative)
    if compared.problem is not None:
        tally.different += 1
        if len(outcome.differences) < SHOWN:
            outcome.differences.append(
                f"{call.model.name}, {call.rows} rows: {compared.problem}; request {call.message.hex()}"
            )


def document(outcome: Outcome, facts: machine.Facts, command: str) -> dict[str, Any]:
    """As it is written to JSON."""
    models = {
        model.name: {
            **asdict(outcome.tallies[model.name]),
            "rtol": model.rtol,
            "joining": joining(outcome.joined.get(model.name, Joined())),
        }
        for model in MODELS
    }
    return {
        "measured": "replies through a joining gateway (batching auto) against those of the same server called "
        "directly, its batching off: bit for bit, or within rtol",
        "command": command,
        **facts,
        "seconds": outcome.seconds,
        "callers": CALLERS,
        "calls": outcome.calls,
        "different": outcome.different,
        "largest_relative": max(tally.largest_relative for tally in outcome.tallies.values()),
        "models": models,
        "differences": outcome.differences,
    }


def joining(joined: Joined) -> dict[str, Any]:
    """Counts and means for one model."""
    means = {"members_per_join": round(joined.members_per_join, 2), "rows_per_join": round(joined.rows_per_join, 2)}
    return {**asdict(joined), **means}
