"""The batcher against its transcripts (tests/scenarios/batching*.txt)."""

from __future__ import annotations

from pathlib import Path

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
        """stage slots=1 mode=on max_batch_size=4 allowed_batch_sizes=1,2,4"""
        given = dict(setting.split("=") for setting in settings)
        slots = int(given.pop("slots", "1"))
        mode = BatchMode(given.pop("mode", "on"))
        sizes = tuple(int(size) for size in given.pop("allowed_batch_sizes", "").split(",") if size)
        numbers = {name: int(value) for name, value in given.items()}
        self.stage = Stage(BatchPolicy(mode=mode, allowed_batch_sizes=sizes, **numbers), slots)

    def do_offer(self, name: str, *settings: str) -> None:
        """offer NAME x=1,2 [until=MICROSECONDS] [lane=FEATURES]"""
        given = dict(setting.split("=") for setting in settings)
        rows = [float(value) for value in given["x"].split(",")]
        self.stage.offer(name, rows, int(given.get("until", 2**62)), int(given.get("lane", "1")))

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

    def do_close(self) -> None:
        self.stage.batcher.close()

    def do_busy(self) -> None:
        self.stage.events.append(str(self.stage.batcher.busy()))

    def do_proof(self) -> None:
        for key, proof in self.stage.batcher.proofs():
            reason = f": {proof.off_reason}" if proof.off_reason else ""
            self.stage.events.append(f"{'/'.join(map(str, key))} {proof.state}{reason}")

    def do_count(self) -> None:
        """Every counter that isn't zero."""
        counters = self.stage.counters.of("digits", 7)
        for name in sorted(counters.__slots__):
            value = getattr(counters, name)
            if name == "unjoined":
                value = {reason.value: count for reason, count in value.items()}
            if value and name != "batch_rows":
                self.stage.events.append(f"{name} {value}")


@pytest.mark.parametrize("path", transcripts("batching*.txt"), ids=lambda path: path.stem)
def test_the_batcher_behaves_as_its_transcripts_say(path: Path) -> None:
    run_transcript(path, Script().execute)
