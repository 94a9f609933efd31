"""The texts of the batching, session and monitoring files of a server; every value explained where it stands."""

from __future__ import annotations

from collections.abc import Sequence

from export.options import ServerFacts
from export.server_flags import comment, processors_of

METRICS_PATH = "/monitoring/prometheus/metrics"
# Batches that may wait, for each thread.
_QUEUED_PER_THREAD = 4


def batching_text(allowed_batch_sizes: Sequence[int], server: ServerFacts) -> str:
    """A tensorflow.serving.BatchingParameters; the last allowed size is max_batch_size, as the server demands."""
    processors, source = processors_of(server)
    scope = "It holds for every model of the server."
    if server.is_per_model_batching:
        scope = "With --enable_per_model_batching_parameters only num_batch_threads holds, for all models."
    head = (
        "How TensorFlow Serving joins calls (--enable_batching, --batching_parameters_file): a "
        f"tensorflow.serving.BatchingParameters. Written by `tidegate export`. {scope}"
    )
    threads = (
        "Batches executed side by side: the processors, also when a GPU computes, since they prepare one batch while "
        f"it works on another. {processors}: {source}."
    )
    return "\n".join(
        [
            comment(head),
            *_queue(allowed_batch_sizes, processors),
            f"{comment(threads)}num_batch_threads {{ value: {processors} }}\n",
            _sizes(allowed_batch_sizes),
        ]
    )


def per_model_batching_text(allowed_batch_sizes: Sequence[int], server: ServerFacts) -> str:
    """The BatchingParameters of one version, without the threads: a server takes those from its global file alone."""
    processors, _ = processors_of(server)
    head = (
        "How TensorFlow Serving joins calls of this version (read with --enable_per_model_batching_parameters): a "
        "tensorflow.serving.BatchingParameters. Written by `tidegate export`. The threads are the global file's."
    )
    return "\n".join([comment(head), *_queue(allowed_batch_sizes, processors), _sizes(allowed_batch_sizes)])


def _queue(allowed_batch_sizes: Sequence[int], processors: int) -> list[str]:
    rows = (
        "The most rows of one execution; a request with more is refused. Keep the gateway's max_batch_size at or below "
        "it."
    )
    wait = (
        "How long the first call waits for company, in microseconds. 0: not at all, since the gateway has joined calls "
        "already. Without a gateway before it, try a few thousand on a GPU: larger batches, for that much more latency."
    )
    queue = (
        f"Batches that may wait before calls are refused with UNAVAILABLE: {_QUEUED_PER_THREAD} a thread, so that "
        "bursts pass. The gateway bounds what it sends; without it, take num_batch_threads for callers who had better "
        "be told at once."
    )
    return [
        f"{comment(rows)}max_batch_size {{ value: {allowed_batch_sizes[-1]} }}\n",
        f"{comment(wait)}batch_timeout_micros {{ value: 0 }}\n",
        f"{comment(queue)}max_enqueued_batches {{ value: {_QUEUED_PER_THREAD * processors} }}\n",
    ]


def _sizes(allowed_batch_sizes: Sequence[int]) -> str:
    words = (
        "Batches are padded up to the next of these, so that a GPU meets few shapes; each has its warm-up record. "
        "Increasing, and the last must be max_batch_size, or no model loads. Powers of two fit a GPU, which works in "
        "tiles of them: a batch between two costs about as much as the upper one, so padding to it wastes little."
    )
    return comment(words) + "".join(f"allowed_batch_sizes: {size}\n" for size in allowed_batch_sizes)


def session_text() -> str:
    """A tensorflow.ConfigProto: the server's memory on the GPU grows as it is used."""
    return """\
# How TensorFlow Serving's sessions run (--tensorflow_session_config_file): a tensorflow.ConfigProto. Written by
# `tidegate export` for --gpu-memory growth. Only what no flag says: TensorFlow Serving overwrites
# gpu_options.per_process_gpu_memory_fraction and the numbers of threads with its flags, given or not.

# Take GPU memory as it is used, instead of a share at the start. What was taken stays taken, so the largest batch ever
# run decides; a server may fail late, at that batch, where a share would have failed at its start.
gpu_options {
  allow_growth: true
}
"""


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
