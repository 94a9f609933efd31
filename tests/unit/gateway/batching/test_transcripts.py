"""The batcher against its transcripts (tests/scenarios/batching*.txt)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest

from gateway.batching.policy import BatchMode, BatchPolicy
from tests.scenarios.runner import run_transcript, transcripts
from tests.unit.gateway.batching.stage import Stage


class Script:
    """The transcripts' commands. `stage` starts anew; every other command prints what happened."""

    def __init__(self) -> None:
        self.stage = Stage(BatchPolicy())

    def execute(self, command: str) -> str:
        for line in command.split("\n"):
            verb, *words = line.split()
            getattr(self, f"do_{verb}")(*words)
        return self.stage.take_events()

    def do_stage(self, *settings: str) -> None:
        """stage [slots=1] [mode=on] and any field of BatchPolicy: max_batch_size=4 allowed_batch_sizes=1,2,4"""
        given = dict(setting.split("=") for setting in settings)
        slots = int(given.pop("slots", "1"))
        self.stage = Stage(_changed(BatchPolicy(mode=BatchMode.ON), given), slots)

    def do_policy(self, *settings: str) -> None:
        """policy [mode=auto] and so on: what is loaded anew while calls wait"""
        self.stage.policy = _changed(self.stage.policy, dict(setting.split("=") for setting in settings))

    def do_offer(self, name: str, *settings: str) -> None:
        """offer NAME x=1,2 [width=2] [until=MICROSECONDS] [lane=NUMBER]: rows of one value, or of `width`"""
        given = dict(setting.split("=") for setting in settings)
        values = [float(value) for value in given["x"].split(",")]
        until_us, lane, width = (int(given.get(*each)) for each in (("until", 2**62), ("lane", "1"), ("width", "1")))
        self.stage.offer(name, values, until_us, lane, width)

    def do_crowd(self, count: str, setting: str, rows: str = "rows=1") -> None:
        """crowd 64 lane=1 [rows=2]: so many callers in that lane; crowd 1000 lanes=2: one in each from that on."""
        what, first = setting.split("=")
        for index in range(int(count)):
            values = [float(index)] * int(rows.removeprefix("rows="))
            self.stage.offer(f"{setting} {index}", values, lane=int(first) + index * (what == "lanes"))

    def do_serve(self, count: str) -> None:
        """Answer so many batches, the oldest first; tell only how many rows those had that were sent in this block."""
        for _ in range(int(count)):
            self.stage.answer(min(self.stage.sent))
            self.stage.loop.turn()
        events = self.stage.events
        sizes = [len(event.split("x=")[1].split(",")) for event in events if event.startswith("send ")]
        summary = ", ".join(f"{len(list(alike))} of {size}" for size, alike in groupby(sizes))
        kept = [event for event in events if not event.startswith("send ") and " gets " not in event]
        self.stage.events = [*kept, f"rows sent: {summary}"]

    def do_turn(self) -> None:
        self.stage.loop.turn()

    def do_advance(self, step_us: str) -> None:
        self.stage.loop.advance_us(int(step_us))

    def do_answer(self, number: str, model: str = "rowwise") -> None:
        self.stage.answer(int(number), model)
        self.stage.loop.turn()

    def do_fail(self, number: str, failure: str) -> None:
        self.stage.fail(int(number), failure)
        self.stage.loop.turn()

    def do_cancel(self, name: str) -> None:
        self.stage.calls[name].abandon()
        self.stage.loop.turn()

    def do_slots(self, count: str) -> None:
        self.stage.slots = int(count)
        self.stage.batcher.slots_changed("pool")
        self.stage.loop.turn()

    def do_forget(self) -> None:
        self.stage.batcher.forget("pool", "digits", frozenset({7}))

    def do_close(self) -> None:
        self.stage.batcher.close()

    def do_busy(self) -> None:
        self.stage.events.append(str(self.stage.batcher.busy()))

    def do_proof(self) -> None:
        for key, proof in self.stage.batcher.proofs():
            reason = f": {proof.off_reason}" if proof.off_reason else ""
            self.stage.events.append(f"{'/'.join(map(str, key))} {proof.state}{reason}")

    def do_poisoned(self) -> None:
        for key, left_us in self.stage.batcher.poisoned():
            self.stage.events.append(f"{key.model}/{key.version} runs unjoined for {left_us / 1e6:g} s more")

    def do_slots_in_use(self) -> None:
        for upstream, in_flight, slots in self.stage.batcher.slots_in_use():
            self.stage.events.append(f"{upstream}: {in_flight} of {slots}")

    def do_count(self, *names: str) -> None:
        """Every counter that isn't zero, or those named."""
        counters = self.stage.counters.of("digits", 7)
        plain = [name for name in dir(counters) if name[0] != "_" and not callable(getattr(counters, name))]
        for name in names or plain:
            value = getattr(counters, name)
            if name in ("unjoined", "left"):
                value = ", ".join(f"{reason.value} {count}" for reason, count in value.items())
            if (value or names) and name != "batch_rows":
                self.stage.events.append(f"{name} {value}")


def _changed(policy: BatchPolicy, given: Mapping[str, str]) -> BatchPolicy:
    fields: dict[str, Any] = {}
    for name, value in given.items():
        if name == "mode":
            fields[name] = BatchMode(value)
        elif name == "allowed_batch_sizes":
            fields[name] = tuple(int(size) for size in value.split(","))
        elif name == "latency_target_s":
            fields[name] = float(value)
        else:
            fields[name] = int(value) if value.isdigit() else value == "yes"
    return replace(policy, **fields)


@pytest.mark.parametrize("path", transcripts("batching*.txt"), ids=lambda path: path.stem)
def test_the_batcher_behaves_as_its_transcripts_say(path: Path) -> None:
    run_transcript(path, Script().execute)
