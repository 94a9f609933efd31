"""The flags of one TensorFlow Serving replica on a GPU, from what is told of its machine, each explained.

How they meet is TensorFlow Serving's (model_servers/server.cc, BuildAndStart): the session file is read first; then its
memory fraction and both its thread numbers are overwritten by the flags, given or not. Growth stays as the file says.
"""

from __future__ import annotations

import math
import os
import textwrap
from dataclasses import dataclass

from export.options import ServerFacts
from export.out_names import SESSION_CONFIG

GRPC_PORT = 8500
REST_PORT = 8501
# What all servers on a GPU may take; the rest is for CUDA's context and libraries, which are counted in no share.
USABLE_SHARE = 0.85
_COMMENT_COLUMNS = 118


@dataclass(frozen=True, slots=True)
class VersionNeeds:
    """What versions in the output folder need of the server that loads them."""

    is_xla: bool = False
    is_tflite: bool = False


def flags_text(served_dir: str, server: ServerFacts, needs: VersionNeeds) -> str:
    """Write one flag a line; served_dir is the output folder as the server sees it, no slash at its end."""
    head = comment(
        "Flags of one TensorFlow Serving replica on a GPU, one a line. Written by `tidegate export`. It reads no flag "
        "file, so:"
    )
    head += "#   tensorflow_model_server $(grep -v '^#' tensorflow_serving.flags)\n\n"
    flags = [
        *_ports(served_dir), *_batching(served_dir, server), *_memory(served_dir, server), *_threads(server),
        *_loading(needs),
    ]  # fmt: skip
    return head + "".join(f"{comment(reason)}{flag}\n" for reason, flag in flags)


def comment(words: str) -> str:
    """Comment lines of a file, as wide as a page of code."""
    return "".join(f"# {line}\n" for line in textwrap.wrap(words, _COMMENT_COLUMNS, break_on_hyphens=False))


def memory_share(server: ServerFacts) -> float:
    """The share of the GPU's memory that one replica may take, of 1; under growth, what it can count on."""
    if server.memory_fraction is not None:
        return server.memory_fraction
    return math.floor(1000 * USABLE_SHARE / server.replicas_per_gpu) / 1000


def processors_of(server: ServerFacts) -> tuple[int, str]:
    """Processors of the serving machine, and where the number is from."""
    if server.processors is not None:
        return server.processors, "those of the serving machine, as told"
    return os.cpu_count() or 1, "those of the machine this was written on; tell the server's by --server-processors"


def _ports(served_dir: str) -> list[tuple[str, str]]:
    return [
        ("gRPC, which the gateway and your clients speak.", f"--port={GRPC_PORT}"),
        (
            "REST: Prometheus reads the metrics there, at the path that the monitoring file names.",
            f"--rest_api_port={REST_PORT}\n--monitoring_config_file={served_dir}/monitoring.config",
        ),
        (
            "The servables, kept by `tidegate export` and moved by `tidegate rollout`.",
            f"--model_config_file={served_dir}/models.config",
        ),
    ]


def _batching(served_dir: str, server: ServerFacts) -> list[tuple[str, str]]:
    flags = [
        (
            "Join what arrives unjoined, to the sizes this file allows.",
            f"--enable_batching=true\n--batching_parameters_file={served_dir}/batching_parameters.txt",
        )
    ]
    if server.is_per_model_batching:
        flags.append(
            (
                "Read sizes and waits from batching_params.pbtxt in each version's folder; of the file above only "
                "num_batch_threads holds then. A version without such a file is not batched.",
                "--enable_per_model_batching_parameters=true",
            )
        )
    return flags


def _memory(served_dir: str, server: ServerFacts) -> list[tuple[str, str]]:
    if server.is_memory_growth:
        return [
            (
                f"GPU memory grows with what is used, as {SESSION_CONFIG} says, and is not given back; replicas on one "
                "GPU then compete. --per_process_gpu_memory_fraction would be its ceiling: the flag, not the file, "
                "since the server overwrites the file's fraction and thread numbers with its flags, given or not.",
                f"--tensorflow_session_config_file={served_dir}/{SESSION_CONFIG}",
            )
        ]
    share = memory_share(server)
    words = f"Share of the GPU's memory taken at the start{_of_gpu(server, share)}. "
    if server.memory_fraction is not None:
        words += "As asked by --gpu-memory. "
    elif server.replicas_per_gpu > 1:
        words += f"{USABLE_SHARE:g} over the {server.replicas_per_gpu} replicas that share the GPU. "
    words += (
        "The rest is for CUDA's own context and libraries, which are not counted in it, some hundred MB a process; 0 "
        "would take nearly all."
    )
    return [(words, f"--per_process_gpu_memory_fraction={share:g}")]


def _of_gpu(server: ServerFacts, share: float) -> str:
    if server.gpu_memory_gb is None:
        return ""
    return f": {share * server.gpu_memory_gb:.3g} of {server.gpu_memory_gb:g} GB"


def _threads(server: ServerFacts) -> list[tuple[str, str]]:
    processors, source = processors_of(server)
    return [
        (
            "Each call holds a thread while its batch fills and runs. The default of 4 a processor refuses more calls "
            "with RESOURCE_EXHAUSTED; keep this above the gateway's calls in flight per replica.",
            "--grpc_max_threads=256",
        ),
        (
            "Load a version beside the one that serves, instead of on the loop that watches the others.",
            "--num_load_threads=2",
        ),
        (
            "Threads inside one operation: the GPU computes, half of the processors feed it "
            f"({processors}: {source}). Not together with --tensorflow_session_parallelism, which stands for both.",
            f"--tensorflow_intra_op_parallelism={max(1, processors // 2)}",
        ),
        (
            "Threads that run operations, shared by all calls of the server; 0: as many as it has processors. Fewer "
            "than num_batch_threads would make batches wait for each other.",
            "--tensorflow_inter_op_parallelism=0",
        ),
    ]


def _loading(needs: VersionNeeds) -> list[tuple[str, str]]:
    flags = [
        (
            "Replay each version's warm-up records, one per signature and allowed batch size, before it is AVAILABLE.",
            "--enable_model_warmup=true",
        )
    ]
    if needs.is_xla:
        words = (
            "Let XLA compile, also for processors: a version here was exported with --xla, and without this its calls "
            "fail with INTERNAL `XLA compilation disabled`. Each batch size is compiled once, by its warm-up record; "
            "a size that isn't allowed never comes up."
        )
        flags.append((words, "--xla_gpu_compilation_enabled=true"))
    else:
        words = "Compile with XLA only models exported for it: each new batch shape costs seconds at its first call."
        flags.append((words, "--xla_gpu_compilation_enabled=false"))
    if needs.is_tflite:
        words = (
            "Serve model.tflite where a version has one; the others stay SavedModels. TensorFlow Lite runs on the "
            "processors, also here, and TensorFlow Serving calls this flag experimental."
        )
        flags.append((words, "--prefer_tflite_model=true"))
    flags.append(("grpc.health.v1 for probes.", "--enable_grpc_healthcheck_service=true"))
    return flags
