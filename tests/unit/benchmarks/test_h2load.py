"""What h2load's report says, and what it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.errors import BenchmarkFailed
from benchmarks.h2load import Report, answered, command, p50_us, parse
from benchmarks.plan import Load

ANSWERED = """\
progress: 93% done

finished in 30.69ms, 2085.57 req/s, 264.51KB/s
requests: 64 total, 64 started, 64 done, 64 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 64 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 8.12KB (8312) total, 492B (492) headers (space savings 90.51%), 4.56KB (4672) data
                     min         max         mean         sd        +/- sd
time for request:     5.06ms     27.95ms     16.70ms      6.84ms    57.81%
"""
ALL_ERRORS = """\
finished in 1.50s, 42.00 req/s, 264.51KB/s
requests: 64 total, 64 started, 64 done, 64 succeeded, 0 failed, 0 errored, 0 timeout
status codes: 64 2xx, 0 3xx, 0 4xx, 0 5xx
traffic: 3.26KB (3336) total, 2.36KB (2420) headers (space savings 52.73%), 0B (0) data
"""
REPLY_BYTES = 73


def test_a_report_is_read_in_seconds_and_bytes() -> None:
    report = parse(ANSWERED)
    assert report.wall_s == pytest.approx(0.03069)
    assert (report.requests, report.http_ok, report.data_bytes) == (64, 64, 4672)


def test_calls_are_answered_when_every_reply_has_all_its_bytes() -> None:
    assert answered(parse(ANSWERED), REPLY_BYTES) == 64


def test_grpc_errors_are_no_answers_although_their_http_status_is_200() -> None:
    report = parse(ALL_ERRORS)
    assert report.http_ok == 64
    assert answered(report, REPLY_BYTES) == 0


@pytest.mark.parametrize("data_bytes", [63 * REPLY_BYTES + 1, 63 * REPLY_BYTES, 64 * REPLY_BYTES + 5])
def test_one_reply_of_another_length_is_not_hidden(data_bytes: int) -> None:
    assert answered(Report(1.0, 64, 64, data_bytes), REPLY_BYTES) == 63


def test_an_unknown_report_fails_with_what_was_said() -> None:
    with pytest.raises(BenchmarkFailed, match="connection refused"):
        parse("connection refused")


def test_the_command_holds_load_calls_and_the_grpc_headers() -> None:
    words = command("h2load", Path("request"), 8500, Load(4, 16), 640, Path("log"))
    assert "--log-file=log" not in words
    assert {"--requests=640", "--clients=4", "--max-concurrent-streams=16", "--header=te: trailers"} <= set(words)
    assert words[-1] == "http://127.0.0.1:8500/tensorflow.serving.PredictionService/Predict"


def test_a_lone_callers_median_time_comes_from_the_log() -> None:
    assert "--log-file=log" in command("h2load", Path("request"), 8500, Load(1, 1), 10, Path("log"))
    assert p50_us("1700000000000000\t200\t150\n1700000000000200\t200\t90\n1700000000000300\t200\t400\n") == 150
    assert p50_us("") == 0
