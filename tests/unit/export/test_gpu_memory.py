"""GPU memory: weights twice and the largest batch must fit the share; what doesn't is said before it fails there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from export.errors import InvalidOptionsError
from export.gpu_memory import check_gpu_memory, versions_loaded
from export.options import ExportOptions, Precision, ServerFacts, VersionPolicy

GB = 10**9


def options(
    precision: Precision = Precision.FLOAT32, policy: VersionPolicy | None = None, **server: Any
) -> ExportOptions:
    facts = ServerFacts(**{"gpu_memory_gb": 10.0, "memory_fraction": 0.5, "processors": 4, **server})
    return ExportOptions(Path("m"), "m", Path("o"), precision=precision, version_policy=policy, server=facts)


def test_what_fits_needs_no_word() -> None:
    assert check_gpu_memory(options(), GB, 1000) == []
    assert check_gpu_memory(options(), GB) == []


def test_without_the_gpus_memory_nothing_is_said() -> None:
    assert check_gpu_memory(options(gpu_memory_gb=None), 10**15, 10**12) == []


def test_tensorflow_lite_needs_no_gpu_memory() -> None:
    assert check_gpu_memory(options(Precision.TFLITE_DYNAMIC), 10**15, 10**12) == []


def test_weights_that_fit_once_but_not_beside_the_next_version_are_refused_with_figures() -> None:
    with pytest.raises(InvalidOptionsError, match=r"3 GB of weights x 2 versions .* need 6 GB, one replica has 5 GB"):
        check_gpu_memory(options(), 3 * GB)


def test_a_share_is_halved_by_a_second_replica() -> None:
    alone = options(memory_fraction=None)
    shared = options(memory_fraction=None, replicas_per_gpu=2)
    assert check_gpu_memory(alone, 4 * GB) == []
    with pytest.raises(InvalidOptionsError, match=r"0\.425 of the GPU"):
        check_gpu_memory(shared, 4 * GB)


def test_under_growth_a_replica_can_count_on_its_part_only() -> None:
    with pytest.raises(InvalidOptionsError):
        check_gpu_memory(options(memory_fraction=None, is_memory_growth=True, replicas_per_gpu=2), 4 * GB)


def test_shares_that_are_more_than_the_gpu_are_refused_together_with_the_rest() -> None:
    with pytest.raises(InvalidOptionsError, match=r"2 problems\n.*0\.6 for 2 replicas is 1\.2 of the GPU.*\n.*weights"):
        check_gpu_memory(options(memory_fraction=0.6, replicas_per_gpu=2), 9 * GB)


def test_a_batch_that_does_not_fit_names_the_largest_size_that_does() -> None:
    (note,) = check_gpu_memory(options(), GB, 90_000_000)  # 3 GB are left; 64 rows need 5.8 GB, 32 need 2.9 GB
    assert "a batch of 64 rows needs about 5.76 GB" in note
    assert "--max-batch-size 32 --allowed-batch-sizes 1,8,32" in note


def test_a_row_that_does_not_fit_leaves_no_size_to_suggest() -> None:
    (note,) = check_gpu_memory(options(), GB, 4 * GB)
    assert "no allowed size fits, 0 rows would" in note


def test_batches_that_fit_alone_but_not_one_a_thread_are_told() -> None:
    (note,) = check_gpu_memory(options(), GB, 20_000_000)  # 1.28 GB a batch: 2 fit, 4 threads
    assert "4 batches of 64 rows at once (num_batch_threads) need about 5.12 GB" in note
    assert "room for 2" in note


@pytest.mark.parametrize(
    ("policy", "loaded"),
    [
        (None, 2),
        (VersionPolicy(latest_count=1), 2),
        (VersionPolicy(latest_count=3), 4),
        (VersionPolicy(specific=(1,)), 2),
        (VersionPolicy(specific=(1, 2, 3)), 3),
        (VersionPolicy(), 2),
    ],
)
def test_versions_beside_each_other_are_those_of_the_policy_and_of_a_rollout(
    policy: VersionPolicy | None, loaded: int
) -> None:
    assert versions_loaded(policy) == loaded
