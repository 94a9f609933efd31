"""One sitting: every subject under every load, interleaved round by round, its processor time read around the calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.errors import BenchmarkFailed
from benchmarks.generator import Generator, Made
from benchmarks.joined import joined_so_far
from benchmarks.machine import Busy, busy, other_cores
from benchmarks.plan import Load, Step, calls_for, steps
from benchmarks.samples import Sample
from benchmarks.subjects import Subject

WARM_UP_ROUNDS = 2  # of the least number of calls of each caller
WARM_UP_CALLS = 400  # at least, all callers together
RUN_S = 60.0  # more than any measurement takes, beyond the seconds asked for


@dataclass(frozen=True, slots=True)
class _Mark:
    """Processor seconds so far, of everything that is told apart."""

    busy: Busy
    front_s: float
    upstream_s: float


class Sitting:
    """Measures `subjects` under `loads`, about `seconds` each time. `tell` hears of each measurement as it ends."""

    def __init__(
        self,
        subjects: Sequence[Subject],
        loads: Sequence[Load],
        generator: Generator,
        seconds: float,
        tell: Callable[[str], None],
    ) -> None:
        self._subjects = {subject.key: subject for subject in subjects}
        self._loads = loads
        self._generator = generator
        self._seconds = seconds
        self._tell = tell
        self._pace: dict[tuple[str, str], float] = {}

    def run(self, rounds: int) -> list[Sample]:
        """Warm everything, then measure `rounds` rounds. Raises: BenchmarkFailed."""
        for load in self._loads:
            for subject in self._subjects.values():
                self._warm(subject, load)
        return [self._measure(step) for step in steps(list(self._subjects), self._loads, rounds)]

    def _warm(self, subject: Subject, load: Load) -> None:
        """Unmeasured calls; they also say how many calls fill the time."""
        self._tell(f"warming: {load.name}, {subject.title}")
        calls = load.in_flight * max(WARM_UP_ROUNDS * load.least_calls_each, WARM_UP_CALLS // load.in_flight)
        self._make(subject, load, calls, lambda: None)

    def _measure(self, step: Step) -> Sample:
        subject, load = self._subjects[step.subject], step.load
        calls = calls_for(self._seconds, self._pace[subject.key, load.name], load)
        joined_before = joined_so_far(subject.front) if subject.joins and subject.front else (0, 0)
        marks: list[_Mark] = []
        made = self._make(subject, load, calls, lambda: marks.append(_mark(subject)))
        before, after = marks[0], _mark(subject)
        joined_after = joined_so_far(subject.front) if subject.joins and subject.front else (0, 0)
        sample = Sample(
            subject=subject.key,
            load=load.name,
            round=step.round,
            calls=made.calls,
            answered=made.answered,
            wall_s=made.wall_s,
            front_s=round(after.front_s - before.front_s, 3),
            upstream_s=round(after.upstream_s - before.upstream_s, 3),
            joined_calls=joined_after[0] - joined_before[0],
            joins=joined_after[1] - joined_before[1],
            other_cores=round(_other_cores(before, after, made), 3),
            p50_us=round(made.p50_us, 1),
        )
        if subject.joins and load.in_flight > 1 and not sample.joins:
            raise BenchmarkFailed(
                f"{subject.title}, {load.name}: no call went through batching, which is what is measured"
            )
        self._tell(f"round {step.round}: {load.name}, {subject.title}: {_told(sample)}")
        return sample

    def _make(self, subject: Subject, load: Load, calls: int, begins: Callable[[], None]) -> Made:
        try:
            made = self._generator.run(subject.port, load, calls, RUN_S + 10 * self._seconds, begins)
        except BenchmarkFailed as error:
            raise BenchmarkFailed(f"{subject.title}, {load.name}: {error}") from error
        if not made.answered:
            logs = "\n".join(server.child.log_end() for server in (subject.front, subject.upstream) if server)
            raise BenchmarkFailed(
                f"{subject.title}, {load.name}: none of {calls} calls was answered; logs end:\n{logs}"
            )
        self._pace[subject.key, load.name] = made.answered / made.wall_s
        return made


def _mark(subject: Subject) -> _Mark:
    front_s = subject.front.child.processor_s() if subject.front else 0.0
    return _Mark(busy(), front_s, subject.upstream.child.processor_s())


def _other_cores(before: _Mark, after: _Mark, made: Made) -> float:
    """What the generator did before the calls counts at its end, so it is taken off again."""
    servers_s = after.front_s - before.front_s + after.upstream_s - before.upstream_s
    return other_cores(before.busy, after.busy, servers_s - made.prepared_s)


def _told(sample: Sample) -> str:
    return f"{sample.front_us:.0f} + {sample.upstream_us:.0f} us, {sample.calls_per_s:,.0f} calls/s"
