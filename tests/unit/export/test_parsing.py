"""How the command line's words become options, and how wrong words are answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import pytest

from export.command_options import default_sizes, options_of, with_options
from export.errors import InvalidOptionsError
from export.options import (
    Allocation,
    ExportOptions,
    GateRules,
    Importance,
    Precision,
    PruneSpec,
    Require,
    ServerFacts,
    VersionPolicy,
)
from export.parsing import (
    REFUSED_PRECISIONS,
    parse_batch_sizes,
    parse_gpu_memory,
    parse_precision,
    parse_prune,
    parse_version_policy,
)


def parsed(*words: str) -> ExportOptions:
    """What the command line makes of these words."""

    @click.command()
    @with_options
    def command(**values: Any) -> ExportOptions:
        return options_of(values)

    options = command.main(["m.keras", "--name", "m", "--out", "models", *words], standalone_mode=False)
    assert isinstance(options, ExportOptions)
    return options


def test_without_options_the_defaults_are_those_of_the_values() -> None:
    assert parsed() == ExportOptions(Path("m.keras"), "m", Path("models"))


def test_every_option_reaches_its_value() -> None:
    options = parsed(
        "--precision", "tflite-int8", "--prune", "structured:0.3", "--prune-importance", "taylor", "--prune-allocation",
        "latency", "--prune-multiple", "8", "--prune-rounds", "3", "--data", "d.npz", "--max-accuracy-drop", "0.02",
        "--require", "both", "--force", "--gpu-memory-gb", "16", "--replicas-per-gpu", "2", "--gpu-memory", "0.4",
        "--server-processors", "8", "--xla", "--per-model-batching", "--trust-model-code", "--import", "layers",
        "--dry-run",
    )  # fmt: skip
    assert options.precision is Precision.TFLITE_INT8
    assert options.prune == PruneSpec(0.3, Importance.TAYLOR, Allocation.LATENCY, 8, 3)
    assert options.gate == GateRules(0.02, Require.BOTH, is_forced=True)
    assert options.server == ServerFacts(16.0, 2, 0.4, False, 8, is_xla=True, is_per_model_batching=True)
    assert (options.import_modules, options.is_dry_run) == (("layers",), True)


def test_an_accuracy_bound_without_data_is_refused() -> None:
    with pytest.raises(InvalidOptionsError, match="needs --data"):
        parsed("--max-accuracy-drop", "0.02")


@pytest.mark.parametrize("text", sorted(REFUSED_PRECISIONS))
def test_a_route_that_does_not_pay_is_refused_with_its_reason(text: str) -> None:
    with pytest.raises(InvalidOptionsError) as caught:
        parse_precision(text)
    assert REFUSED_PRECISIONS[text] in str(caught.value)


def test_an_unknown_precision_is_told_what_is_offered() -> None:
    with pytest.raises(InvalidOptionsError, match=r"is not known\. Offered: float32, bfloat16"):
        parse_precision("int9")


def test_gpu_memory_is_a_share_or_grows() -> None:
    assert (parse_gpu_memory("0.5"), parse_gpu_memory("growth")) == ((0.5, False), (None, True))
    with pytest.raises(InvalidOptionsError, match=r"such as 0\.85, or growth"):
        parse_gpu_memory("half")


@pytest.mark.parametrize("text", ["0.5", "magnitude:0.5", "structured", "structured:", "structured:half"])
def test_only_structured_pruning_is_offered(text: str) -> None:
    with pytest.raises(InvalidOptionsError, match="structured:RATIO"):
        parse_prune(text)


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
