"""Promises of backend.flags: TensorFlow Serving's command lines work, and mistakes are told all at once."""

from __future__ import annotations

import pytest

from backend.errors import StartError
from backend.flags import Flags, parse, usage

BASE = "--model_base_path=/models/m"


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--enable_batching"], True),
        (["--enable_batching=true"], True),
        (["--enable_batching=0"], False),
        (["--enable_batching", "true"], True),
        (["--enable_batching", "false"], False),
        (["--noenable_batching"], False),
        ([], False),
    ],
)
def test_booleans_have_every_spelling(words: list[str], wanted: bool) -> None:
    assert parse([BASE, *words]).enable_batching is wanted


def test_values_come_with_or_without_equals_sign() -> None:
    flags = parse(["--port", "9000", "-model_name=m", BASE, "--load_retry_interval_micros", "-1"])
    assert (flags.port, flags.model_name, flags.load_retry_interval_micros) == (9000, "m", -1)


def test_the_defaults_are_tensorflow_servings() -> None:
    flags = parse([BASE])
    assert (flags.port, flags.model_name, flags.saved_model_tags) == (8500, "default", "serve")
    assert (flags.max_num_load_retries, flags.load_retry_interval_micros) == (5, 60_000_000)
    assert flags.enable_model_warmup


def test_flags_without_meaning_here_are_accepted_and_listed() -> None:
    assert parse([BASE, "--rest_api_port=8501", "--noenable_profiler"]).ignored == ("rest_api_port", "enable_profiler")


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(StartError) as error:
        parse(["--prot=1", "--port=x", "stray", "--enable_batching=maybe", "--model_name"])
    assert str(error.value) == (
        "command line: 5 problems\n"
        "  unknown flag --prot; did you mean --port?\n"
        "  --port=x: wanted a number, for example 8500\n"
        "  'stray' is not a flag; flags look like --port=8500\n"
        "  --enable_batching=maybe: wanted true or false\n"
        "  --model_name needs a value, for example --model_name=default"
    )


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--batching_parameters_file=b"], "--batching_parameters_file is set without --enable_batching"),
        (["--enable_per_model_batching_parameters"], "is set without --enable_batching"),
        (["--tensorflow_session_parallelism=1", "--tensorflow_intra_op_parallelism=1"], "excludes"),
        (["--port=70000"], "wanted 0..65535"),
        (["--grpc_max_threads=-1"], "--grpc_max_threads=-1: wanted 0 or more"),
        (["--per_process_gpu_memory_fraction=2"], "wanted 0..1"),
    ],
)
def test_flags_that_contradict_are_refused(words: list[str], text: str) -> None:
    with pytest.raises(StartError, match=r"1 problem\n") as error:
        parse([BASE, *words])
    assert text in str(error.value)


def test_something_to_serve_is_needed_unless_only_help_is_asked() -> None:
    with pytest.raises(StartError, match="what should be served"):
        parse([])
    assert parse(["--help"]).help
    assert parse(["--version"]).version


@pytest.mark.parametrize("word", ["--ssl_config_file=x", "--use_alts_credentials", "--platform_config_file=x"])
def test_a_protection_that_is_missing_here_is_never_ignored(word: str) -> None:
    with pytest.raises(StartError, match="embedded backend"):
        parse([BASE, word])


def test_a_protection_that_is_turned_off_is_accepted() -> None:
    assert parse([BASE, "--use_alts_credentials=false", "--ssl_config_file="]).ignored


def test_help_names_every_flag() -> None:
    text = usage()
    assert all(f"--{name}=" in text for name in Flags.__slots__ if name != "ignored")
