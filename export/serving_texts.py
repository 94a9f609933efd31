"""The texts of the files a server is started with, models.config aside; every value explained where it stands."""

from __future__ import annotations

from collections.abc import Sequence

GRPC_PORT = 8500
REST_PORT = 8501
METRICS_PATH = "/monitoring/prometheus/metrics"


def batching_text(allowed_batch_sizes: Sequence[int], processors: int) -> str:
    """A tensorflow.serving.BatchingParameters; the last allowed size is max_batch_size, as the server demands."""
    sizes = "".join(f"allowed_batch_sizes: {size}\n" for size in allowed_batch_sizes)
    return f"""\
# How TensorFlow Serving joins calls (--enable_batching, --batching_parameters_file): a
# tensorflow.serving.BatchingParameters. Written by `tidegate export`; it holds for every model of the server.

# The most rows of one execution; a request with more is refused.
max_batch_size {{ value: {allowed_batch_sizes[-1]} }}

# How long the first call waits for company, in microseconds. 0: not at all, since the gateway has joined calls already.
batch_timeout_micros {{ value: 0 }}

# Batches that may wait for a thread before calls are refused with UNAVAILABLE.
max_enqueued_batches {{ value: {4 * processors} }}

# Batches executed side by side: the processors of the machine this was written on ({processors}). Set the server's own.
num_batch_threads {{ value: {processors} }}

# Batches are padded up to the next of these, so that a GPU meets few shapes; each has its warm-up record.
{sizes}"""


def monitoring_text() -> str:
    """A tensorflow.serving.MonitoringConfig: Prometheus reads the replica's metrics on its REST port."""
    return f"""\
# TensorFlow Serving's metrics for Prometheus (--monitoring_config_file): a tensorflow.serving.MonitoringConfig. Written
# by `tidegate export`. They are served on the REST port, so --rest_api_port must be set too.
prometheus_config {{
  enable: true
  path: "{METRICS_PATH}"
}}
"""


def flags_text(served_dir: str, processors: int) -> str:
    """Flags of one replica on a GPU; served_dir is the output folder as the server sees it, no slash at its end."""
    return f"""\
# Flags of one TensorFlow Serving replica on a GPU, one a line. Written by `tidegate export`. It reads no flag file, so:
#   tensorflow_model_server $(grep -v '^#' tensorflow_serving.flags)

# gRPC, which the gateway and your clients speak.
--port={GRPC_PORT}
# REST: Prometheus reads the metrics there, at the path that the monitoring file names.
--rest_api_port={REST_PORT}
--monitoring_config_file={served_dir}/monitoring.config
# The servables, kept by `tidegate export` and moved by `tidegate rollout`.
--model_config_file={served_dir}/models.config
# Join what arrives unjoined, to the sizes this file allows.
--enable_batching=true
--batching_parameters_file={served_dir}/batching_parameters.txt
# Share of the GPU's memory taken at the start. The rest is for CUDA's own context and libraries, which are not counted
# in it. Two replicas on one GPU: give each less than half.
--per_process_gpu_memory_fraction=0.85
# Each call holds a thread while its batch fills and runs. The default of 4 a processor refuses more calls with
# RESOURCE_EXHAUSTED; keep this above the gateway's calls in flight per replica.
--grpc_max_threads=256
# Load a version beside the one that serves, instead of on the loop that watches the others.
--num_load_threads=2
# Threads inside one operation: the GPU computes, processors ({processors} here) feed it.
--tensorflow_intra_op_parallelism={max(1, processors // 2)}
# Threads that run operations, shared by all calls of the server; 0: as many as it has processors. Fewer than
# num_batch_threads would make batches wait for each other.
--tensorflow_inter_op_parallelism=0
# Replay each version's warm-up records, one per allowed batch size, before it is AVAILABLE.
--enable_model_warmup=true
# Compile with XLA only models exported for it: each new batch shape costs seconds at its first call.
--xla_gpu_compilation_enabled=false
# grpc.health.v1 for probes.
--enable_grpc_healthcheck_service=true
"""
