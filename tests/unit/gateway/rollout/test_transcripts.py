"""The rollout machine told as transcripts: tests/scenarios/rollout*.txt.

Commands: `begin FROM TO STEPS HOLD [loaded] [keep-old]`; `at SECONDS REPLICA... [new=CALLS/ERRORS] [old=...]
[flying=NEW/OLD] [pinned=V]`, the observation at that time, a replica being `a:STANDING:NEW:OLD` or `a:down`, a state
`-` when the replica does not name the version, `END!words` for a failed load; `abort`, `promote`, `trouble WORDS`,
`restart`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.rollout import events, machine
from gateway.rollout.judge import Counts
from gateway.rollout.plan import Plan
from gateway.rollout.ports import VersionState
from gateway.rollout.refused import Refused
from gateway.rollout.state import Progress, RolloutState
from protos.stubs.tidegate.wire.v1 import management_pb2
from tests.scenarios.runner import run_transcript, transcripts

TIMING = machine.Timing()


class Stage:
    """The machine and the time, moved by the transcript's commands."""

    def __init__(self) -> None:
        self.state: RolloutState | None = None
        self.now_us = 0

    def execute(self, command: str) -> str:
        verb, *words = command.split()
        if verb == "begin":
            return self._begin(words)
        assert self.state is not None, "begin first"
        match verb:
            case "at":
                self.now_us = round(float(words[0]) * 1e6)
                return self._advance(_observed(words[1:]))
            case "abort":
                return self._advance(events.AbortAsked())
            case "promote":
                return self._advance(events.PromoteAsked())
            case "trouble":
                return self._advance(events.Troubled(" ".join(words)))
            case "restart":
                self.state = replace(self.state, progress=Progress())
                routes = [f"> {command}" for command in machine.reapply(self.state)]
                return "\n".join([*routes, self._advance(events.Resumed())])
        raise ValueError(f"unknown command {verb}")

    def _begin(self, words: list[str]) -> str:
        old, new, steps, hold, *flags = words
        percents = tuple(float(step) for step in steps.split(","))
        plan = Plan("digits", int(old), int(new), percents, float(hold), keep_old="keep-old" in flags)
        seen = _observed([word for word in flags if ":" in word])
        added = "loaded" not in flags
        self.state, commands = machine.begin(plan, added=added, seen=seen, now_us=self.now_us, unix_s=0.0)
        return _shown(self.state, commands)

    def _advance(self, event: events.Event) -> str:
        assert self.state is not None
        try:
            self.state, commands = machine.advance(self.state, event, self.now_us, TIMING)
        except Refused as refused:
            return f"refused: {refused}"
        return _shown(self.state, commands)


def _shown(state: RolloutState, commands: tuple[events.Command, ...]) -> str:
    return "\n".join([f"{state.phase} {state.percent:g} %: {state.reason}", *(f"> {command}" for command in commands)])


def _observed(words: list[str]) -> events.Observed:
    named = dict(word.split("=", 1) for word in words if "=" in word and ":" not in word)
    new_in_flight, old_in_flight = (int(part) for part in named.get("flying", "0/0").split("/"))
    return events.Observed(
        tuple(_replica(word) for word in words if ":" in word),
        _counts(named.get("new", "0/0")),
        _counts(named.get("old", "0/0")),
        new_in_flight,
        old_in_flight,
        frozenset({int(named["pinned"])} if "pinned" in named else ()),
    )


def _counts(text: str) -> Counts:
    calls, errors = text.split("/")
    return Counts(int(calls), int(errors))


def _replica(text: str) -> events.ReplicaView:
    address, *rest = text.split(":")
    if rest == ["down"]:
        return events.ReplicaView(address, up=False)
    standing, _, words = rest[0].partition("!")
    return events.ReplicaView(
        address, True, events.Standing(standing), words.replace("_", " "), _state(rest[1]), _state(rest[2])
    )


def _state(text: str) -> VersionState | None:
    if text == "-":
        return None
    name, _, error = text.partition("!")
    return management_pb2.ModelVersionStatus.State.Value(name), error.replace("_", " ")


@pytest.mark.parametrize("path", transcripts("rollout*.txt"), ids=lambda path: path.stem)
def test_transcript(path: Path) -> None:
    run_transcript(path, Stage().execute)
