"""h2spec's report, read and compared with the list of exceptions."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


class Outcome(enum.Enum):
    """How a case ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `name`: section and number; `words`: what h2spec wanted and, in its last line, what it got."""

    name: str
    section: str
    title: str
    outcome: Outcome
    words: str = ""


def read(path: Path) -> list[Case]:
    """The cases of a JUnit file, in order. Raises: ElementTree.ParseError."""
    cases = []
    for suite in ElementTree.parse(path).getroot().iter("testsuite"):
        section = f"{suite.get('package', '').partition('/')[0]} {suite.get('name')}"
        for number, entry in enumerate(suite.iter("testcase"), start=1):
            failure = next((found for kind in ("error", "failure") for found in entry.iter(kind)), None)
            outcome = Outcome.PASSED
            if failure is not None:
                outcome = Outcome.FAILED
            elif entry.find("skipped") is not None:
                outcome = Outcome.SKIPPED
            words = "" if failure is None else (failure.text or "").strip()
            name = f"{entry.get('package')}/{number}"
            cases.append(Case(name, section, entry.get("classname", ""), outcome, words))
    return cases


def complaints(cases: Sequence[Case], exceptions: Mapping[str, str]) -> list[str]:
    """What is wrong: each failed or skipped case that is no exception, each exception that is none."""
    if not cases:
        return ["h2spec reported no case at all"]
    found = []
    for case in cases:
        listed = case.name in exceptions
        if case.outcome is Outcome.PASSED and listed:
            found.append(f"{case.name} ({case.title}) passes: take it off the list of exceptions")
        elif case.outcome is not Outcome.PASSED and not listed:
            told = "".join(f"\n    {line}" for line in case.words.splitlines())
            found.append(f"{case.name} ({case.title}) {case.outcome.value}, wanted and got:{told}")
    strangers = exceptions.keys() - {case.name for case in cases}
    return found + [f"{name}: an exception for a case that h2spec doesn't have" for name in sorted(strangers)]


def table(cases: Sequence[Case]) -> list[str]:
    """Lines: how many cases of each section passed, failed and were skipped."""
    counts: dict[str, dict[Outcome, int]] = {}
    for case in cases:
        count = counts.setdefault(case.section, dict.fromkeys(Outcome, 0))
        count[case.outcome] += 1
    counts["all"] = {outcome: sum(count[outcome] for count in counts.values()) for outcome in Outcome}
    width = max(map(len, counts))
    head = f"{'section':{width}}  " + "  ".join(outcome.value for outcome in Outcome)
    rows = [
        f"{section:{width}}  " + "  ".join(f"{count[outcome] or '':>{len(outcome.value)}}" for outcome in Outcome)
        for section, count in counts.items()
    ]
    return [head, *rows]
