"""The flags file: what is told of the machine comes out in flags that TensorFlow Serving knows, each explained."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from backend import flags as backend_flags
from export.options import ServerFacts
from export.server_flags import VersionNeeds, flags_text, memory_share

# tensorflow_model_server's, of model_servers/main.cc.
TENSORFLOW_SERVINGS = {
    "port", "rest_api_port", "monitoring_config_file", "model_config_file", "enable_batching",
    "batching_parameters_file", "enable_per_model_batching_parameters", "per_process_gpu_memory_fraction",
    "tensorflow_session_config_file", "grpc_max_threads", "num_load_threads", "tensorflow_intra_op_parallelism",
    "tensorflow_inter_op_parallelism", "enable_model_warmup", "xla_gpu_compilation_enabled", "prefer_tflite_model",
    "enable_grpc_healthcheck_service",
}  # fmt: skip

MACHINES = [
    ServerFacts(gpu_memory_gb, replicas, share, grows, processors, is_per_model_batching=is_per_model)
    for gpu_memory_gb, replicas, (share, grows), processors, is_per_model in itertools.product(
        (None, 24.0), (1, 3), ((None, False), (0.25, False), (None, True)), (None, 1, 96), (False, True)
    )
]


def flags_of(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.removeprefix("--").split("=", 1) for line in lines)


def flags(needs: VersionNeeds | None = None, **facts: Any) -> dict[str, str]:
    return flags_of(flags_text("/models", ServerFacts(**facts), needs or VersionNeeds()))


@pytest.mark.parametrize("server", MACHINES, ids=str)
def test_every_machine_gets_flags_that_servers_know_each_explained_and_once(server: ServerFacts) -> None:
    text = flags_text("/models", server, VersionNeeds(is_xla=True, is_tflite=True))
    lines = text.splitlines()
    names = [line[2:].partition("=")[0] for line in lines if line.startswith("--")]
    assert set(names) <= TENSORFLOW_SERVINGS and len(names) == len(set(names))
    assert all(before.startswith(("#", "--")) for before, line in itertools.pairwise(lines) if line.startswith("--"))
    assert max(map(len, lines)) <= 120
    parsed = backend_flags.parse([line for line in lines if line.startswith("--")])
    assert (parsed.model_config_file, parsed.prefer_tflite_model) == ("/models/models.config", True)


def test_a_share_and_growth_exclude_each_other() -> None:
    shared, growing = flags(memory_fraction=0.3), flags(is_memory_growth=True)
    assert shared["per_process_gpu_memory_fraction"] == "0.3"
    assert "tensorflow_session_config_file" not in shared
    assert growing["tensorflow_session_config_file"] == "/models/session.config"
    assert "per_process_gpu_memory_fraction" not in growing


@pytest.mark.parametrize("replicas", [1, 2, 3, 7, 16])
def test_all_replicas_together_leave_cuda_its_part(replicas: int) -> None:
    share = memory_share(ServerFacts(replicas_per_gpu=replicas))
    assert 0 < share * replicas <= 0.85
    assert float(flags(replicas_per_gpu=replicas)["per_process_gpu_memory_fraction"]) == share


def test_the_share_is_told_in_gigabytes_where_the_gpu_is_known() -> None:
    text = flags_text("/models", ServerFacts(gpu_memory_gb=80, replicas_per_gpu=2), VersionNeeds())
    assert "taken at the start: 34 of 80 GB. 0.85 over the 2 replicas" in text


def test_what_versions_need_is_switched_on_with_its_reason() -> None:
    text = flags_text("/m", ServerFacts(), VersionNeeds(is_xla=True, is_tflite=True))
    assert flags_of(text)["xla_gpu_compilation_enabled"] == flags_of(text)["prefer_tflite_model"] == "true"
    assert "XLA compilation disabled" in text
    plain = flags(VersionNeeds())
    assert plain["xla_gpu_compilation_enabled"] == "false"
    assert "prefer_tflite_model" not in plain


def test_both_thread_numbers_are_for_the_servers_processors() -> None:
    told = flags(processors=96)
    assert told["tensorflow_intra_op_parallelism"] == "48"
    assert told["tensorflow_inter_op_parallelism"] == "0"
    assert flags(processors=1)["tensorflow_intra_op_parallelism"] == "1"


def test_per_model_files_are_read_only_when_asked_for() -> None:
    assert flags(is_per_model_batching=True)["enable_per_model_batching_parameters"] == "true"
    assert "enable_per_model_batching_parameters" not in flags()
