"""One sitting: every subject under every load, interleaved round by round, its processor time read around the calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from benchmarks.errors import BenchmarkFailed
from benchmarks.generator import Generator, Made
from benchmarks.machine import busy, other_cores
from benchmarks.plan import Load, Step, calls_for, steps
from benchmarks.samples import Sample
from benchmarks.servers import joined_so_far
from benchmarks.subjects import Subject

WARM_UP_ROUNDS_OF_CALLS = 20  # calls of each caller
WARM_UP_CALLS = 400  # at least, all callers together
RUN_S = 60.0  # more than any measurement takes, beyond the seconds asked for


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
        calls = load.in_flight * max(WARM_UP_ROUNDS_OF_CALLS, WARM_UP_CALLS // load.in_flight)
        self._make(subject, load, calls)

    def _measure(self, step: Step) -> Sample:
        subject, load = self._subjects[step.subject], step.load
        calls = calls_for(self._seconds, self._pace[subject.key, load.name], load)
        joined_before = joined_so_far(subject.front) if subject.joins and subject.front else (0, 0)
        busy_before, before = busy(), _processor_s(subject)
        made = self._make(subject, load, calls)
        after, busy_after = _processor_s(subject), busy()
        joined_after = joined_so_far(subject.front) if subject.joins and subject.front else (0, 0)
        sample = Sample(
            subject=subject.key,
            load=load.name,
            round=step.round,
            calls=made.calls,
            answered=made.answered,
            wall_s=made.wall_s,
            front_s=round(after[0] - before[0], 3),
            upstream_s=round(after[1] - before[1], 3),
            joined_calls=round(joined_after[0] - joined_before[0]),
            joins=round(joined_after[1] - joined_before[1]),
            other_cores=round(other_cores(busy_before, busy_after, sum(after) - sum(before)), 3),
        )
        self._tell(f"round {step.round}: {load.name}, {subject.title}: {sample.total_us:.0f} us")
        return sample

    def _make(self, subject: Subject, load: Load, calls: int) -> Made:
        made = self._generator.run(subject.port, load, calls, RUN_S + 10 * self._seconds)
        if not made.answered:
            logs = "\n".join(server.child.log_end() for server in (subject.front, subject.upstream) if server)
            raise BenchmarkFailed(
                f"{subject.title}, {load.name}: none of {calls} calls was answered; logs end:\n{logs}"
            )
        self._pace[subject.key, load.name] = made.answered / made.wall_s
        return made


def _processor_s(subject: Subject) -> tuple[float, float]:
    """Of the front and of the model server so far."""
    front = subject.front.child.processor_s() if subject.front else 0.0
    return front, subject.upstream.child.processor_s()
