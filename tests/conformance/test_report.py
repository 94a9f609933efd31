"""The comparison of h2spec's report with the list of exceptions."""

from __future__ import annotations

from pathlib import Path

from tests.conformance.report import Case, Outcome, complaints, read, table

JUNIT = """<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="3.1. DATA" package="generic/3.1" id="3.1" tests="3" skipped="1" failures="1" errors="0">
    <testcase package="generic/3.1" classname="Sends a DATA frame" time="0.1"></testcase>
    <testcase package="generic/3.1" classname="Sends two" time="2.0"><error>RST_STREAM
Timeout</error></testcase>
    <testcase package="generic/3.1" classname="Sends none" time="0.1"><skipped></skipped></testcase>
  </testsuite>
</testsuites>
"""
PASSED, FAILED, SKIPPED = "generic/3.1/1", "generic/3.1/2", "generic/3.1/3"


def cases(folder: Path) -> list[Case]:
    report = folder / "report.xml"
    report.write_text(JUNIT, encoding="utf-8")
    return read(report)


def test_a_case_is_named_by_its_section_and_number(tmp_path: Path) -> None:
    assert [(case.name, case.outcome) for case in cases(tmp_path)] == [
        (PASSED, Outcome.PASSED),
        (FAILED, Outcome.FAILED),
        (SKIPPED, Outcome.SKIPPED),
    ]


def test_failed_and_skipped_cases_are_told_unless_listed(tmp_path: Path) -> None:
    told = complaints(cases(tmp_path), {})
    assert [line.partition(" ")[0] for line in told] == [FAILED, SKIPPED]
    assert told[0].endswith("RST_STREAM\n    Timeout")
    assert complaints(cases(tmp_path), {FAILED: "a reason", SKIPPED: "a reason"}) == []


def test_an_exception_that_is_none_is_told(tmp_path: Path) -> None:
    listed = dict.fromkeys((PASSED, FAILED, SKIPPED, "http2/99/1"), "a reason")
    told = complaints(cases(tmp_path), listed)
    assert [line.partition(" ")[0] for line in told] == [PASSED, "http2/99/1:"]


def test_a_report_without_cases_is_wrong() -> None:
    assert complaints([], {}) == ["h2spec reported no case at all"]


def test_the_table_counts_each_section(tmp_path: Path) -> None:
    assert table(cases(tmp_path)) == [
        "section            passed  failed  skipped",
        "generic 3.1. DATA       1       1        1",
        "all                     1       1        1",
    ]
