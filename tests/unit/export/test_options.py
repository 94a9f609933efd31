"""What may be asked of an export, and how a wrong wish is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from export.command import default_sizes
from export.errors import InvalidOptionsError
from export.options import (
    ExportOptions,
    Importance,
    PruneSpec,
    VersionPolicy,
    parse_batch_sizes,
    parse_prune,
    parse_version_policy,
)


def options(**changes: Any) -> ExportOptions:
    return ExportOptions(**{"model_path": Path("m.keras"), "name": "digits", "out_dir": Path("out"), **changes})


def test_the_defaults_are_a_legal_export() -> None:
    assert options().allowed_batch_sizes == (1, 8, 32, 64)


@pytest.mark.parametrize("name", ["", "dig its", "../up", "a/b", "ü", "..", ".", "a\n"])
def test_a_name_outside_the_alphabet_is_refused(name: str) -> None:
    with pytest.raises(InvalidOptionsError, match="A-Z a-z 0-9"):
        options(name=name)


@pytest.mark.parametrize("name", ["digits", "Digits-2.1_b", "7", "a..b"])
def test_a_name_inside_the_alphabet_is_taken(name: str) -> None:
    assert options(name=name).name == name


@pytest.mark.parametrize("version", [0, -1, 2**63])
def test_a_version_no_server_could_load_is_refused(version: int) -> None:
    with pytest.raises(InvalidOptionsError, match="whole number from 1"):
        options(version=version)


@pytest.mark.parametrize("sizes", [(), (0, 64), (8, 8, 64), (32, 8, 64)])
def test_allowed_batch_sizes_must_increase_from_one_on(sizes: tuple[int, ...]) -> None:
    with pytest.raises(InvalidOptionsError, match="each larger"):
        options(allowed_batch_sizes=sizes)


def test_the_last_allowed_size_must_be_the_largest() -> None:
    with pytest.raises(InvalidOptionsError, match="the last is 32, must be --max-batch-size 64"):
        options(allowed_batch_sizes=(1, 32))


def test_pruning_without_data_is_refused() -> None:
    with pytest.raises(InvalidOptionsError, match="--prune needs --data"):
        options(prune=PruneSpec(0.5))


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidOptionsError) as caught:
        options(name="a b", version=0, max_batch_size=0, served_base_path="models", fine_tune_epochs=-1)
    assert "6 problems" in str(caught.value)


@pytest.mark.parametrize("text", ["0.5", "magnitude:0.5", "structured", "structured:", "structured:half"])
def test_only_structured_pruning_is_offered(text: str) -> None:
    with pytest.raises(InvalidOptionsError, match="structured:RATIO"):
        parse_prune(text, Importance.L2)


def test_a_prune_spec_is_printed_as_it_was_given() -> None:
    assert str(parse_prune("structured:0.5", Importance.L1)) == "structured:0.5"


def test_batch_sizes_are_whole_numbers() -> None:
    assert parse_batch_sizes("1, 8,32") == (1, 8, 32)
    with pytest.raises(InvalidOptionsError, match="whole numbers"):
        parse_batch_sizes("1,eight")


@pytest.mark.parametrize(
    ("text", "policy"),
    [
        ("latest", VersionPolicy(latest_count=1)),
        ("latest:3", VersionPolicy(latest_count=3)),
        ("all", VersionPolicy()),
        ("specific:1,2", VersionPolicy(specific=(1, 2))),
    ],
)
def test_a_version_policy_is_read(text: str, policy: VersionPolicy) -> None:
    assert parse_version_policy(text) == policy


@pytest.mark.parametrize("text", ["", "newest", "latest:0", "latest:x", "all:1", "specific:", "specific:0", "specific"])
def test_a_wrong_version_policy_is_refused(text: str) -> None:
    with pytest.raises(InvalidOptionsError, match="must be latest"):
        parse_version_policy(text)


@pytest.mark.parametrize(
    ("largest", "sizes"), [(64, (1, 8, 32, 64)), (16, (1, 8, 16)), (1, (1,)), (128, (1, 8, 32, 64, 128))]
)
def test_default_sizes_end_at_the_largest(largest: int, sizes: tuple[int, ...]) -> None:
    assert default_sizes(largest) == sizes
