"""What may be asked of an export, and how a wrong wish is answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from export.errors import InvalidOptionsError
from export.options import ExportOptions, GateRules, Precision, PruneSpec, ServerFacts
from export.out_names import SERVING_FILES
from export.publish import LOCK_NAME
from export.serving_files import planned_serving_files


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


@pytest.mark.parametrize("name", [*sorted(SERVING_FILES), LOCK_NAME, ".tidegate", ".hidden"])
def test_a_name_that_is_tidegates_own_in_the_output_folder_is_refused(name: str) -> None:
    with pytest.raises(InvalidOptionsError, match="is no model's"):
        options(name=name)


def test_every_serving_files_name_is_taken(tmp_path: Path) -> None:
    server = ServerFacts(is_memory_growth=True)
    written = planned_serving_files(options(out_dir=tmp_path, server=server), 1).paths
    assert {path.name for path in written} == SERVING_FILES


@pytest.mark.parametrize("gigabytes", [0.0, -1.0, float("inf"), float("nan"), 1e300])
def test_an_impossible_gpu_memory_is_refused(gigabytes: float) -> None:
    with pytest.raises(InvalidOptionsError, match=r"--gpu-memory-gb .*: must be more than 0, at most 1e"):
        options(server=ServerFacts(gpu_memory_gb=gigabytes))


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


def test_a_calibrated_precision_without_data_is_refused() -> None:
    for precision in (Precision.INT8, Precision.TFLITE_INT8):
        with pytest.raises(InvalidOptionsError, match="ranges are read from training rows"):
            options(precision=precision)


def test_tensorflow_lite_takes_no_preprocessing() -> None:
    with pytest.raises(InvalidOptionsError, match="can't decode images"):
        options(precision=Precision.TFLITE_DYNAMIC, preprocess_path=Path("p.yaml"))


def test_importing_a_module_needs_trust() -> None:
    with pytest.raises(InvalidOptionsError, match="--trust-model-code"):
        options(import_modules=("layers",))
    assert options(import_modules=("layers",), trust_model_code=True).import_modules == ("layers",)


@pytest.mark.parametrize(
    ("server", "words"),
    [
        (ServerFacts(gpu_memory_gb=0), "--gpu-memory-gb"),
        (ServerFacts(gpu_memory_gb=float("nan")), "--gpu-memory-gb"),
        (ServerFacts(replicas_per_gpu=0), "--replicas-per-gpu"),
        (ServerFacts(memory_fraction=1.2), "--gpu-memory 1.2"),
        (ServerFacts(processors=0), "--server-processors"),
    ],
)
def test_a_server_that_cannot_be_is_refused(server: ServerFacts, words: str) -> None:
    with pytest.raises(InvalidOptionsError, match=words):
        options(server=server)


@pytest.mark.parametrize(
    "prune", [PruneSpec(1.0), PruneSpec(-0.1), PruneSpec(0.5, multiple=0), PruneSpec(0.5, rounds=0)]
)
def test_a_pruning_that_cannot_be_is_refused(prune: PruneSpec) -> None:
    with pytest.raises(InvalidOptionsError, match="--prune"):
        options(prune=prune, data_path=Path("d.npz"))


@pytest.mark.parametrize("drop", [-0.01, 1.5, float("nan")])
def test_an_accuracy_bound_is_a_share(drop: float) -> None:
    with pytest.raises(InvalidOptionsError, match=r"0\.01 is one point"):
        options(gate=GateRules(max_accuracy_drop=drop))


def test_a_prune_spec_is_printed_as_it_was_given() -> None:
    assert str(PruneSpec(0.5)) == "structured:0.5"
