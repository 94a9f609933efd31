"""Whether a model fits the GPU's share: its weights twice, as a rollout loads them, and the largest batch."""

from __future__ import annotations

from pathlib import Path

from export.errors import InvalidOptionsError, Problems
from export.options import ExportOptions, VersionPolicy
from export.server_flags import memory_share, processors_of


def gpu_memory_notes(options: ExportOptions, version_dir: Path) -> list[str]:
    """The same of a written version; only where --gpu-memory-gb is given is its graph read, which takes seconds.

    Raises: InvalidOptionsError; OSError.
    """
    if options.precision.is_tflite or options.server.gpu_memory_gb is None:
        return check_gpu_memory(options, 0)
    from export.activations import peak_bytes_per_row

    weights = [version_dir / "saved_model.pb", *(version_dir / "variables").glob("*")]
    weight_bytes = sum(path.stat().st_size for path in weights)
    per_row = peak_bytes_per_row(version_dir)
    notes = check_gpu_memory(options, weight_bytes, per_row)
    if per_row is None:
        notes.append(
            "how much GPU memory a batch needs isn't known before a call: a tensor of the model has open sizes"
        )
    return notes


def check_gpu_memory(
    options: ExportOptions, weight_bytes: int, activation_bytes_per_row: int | None = None
) -> list[str]:
    """Compare what the model needs with what --gpu-memory-gb and --gpu-memory give one replica; return notes.

    weight_bytes: of one version as it is loaded. activation_bytes_per_row: of all tensors that live at the same time
    for one row; None where that isn't known. Empty for TensorFlow Lite, which runs on the processors.
    Raises: InvalidOptionsError when shares of all replicas are more than the GPU, or weights alone can't fit.
    """
    server = options.server
    if options.precision.is_tflite:
        return []
    problems = []
    share = memory_share(server)
    if server.memory_fraction is not None and share * server.replicas_per_gpu > 1:
        problems.append(
            f"--gpu-memory {share:g} for {server.replicas_per_gpu} replicas is {share * server.replicas_per_gpu:g} of "
            f"the GPU; give each at most {1 / server.replicas_per_gpu:.3g}, less CUDA's own part"
        )
    notes: list[str] = []
    if server.gpu_memory_gb is not None:
        share_bytes = int(server.gpu_memory_gb * 1e9 * share)
        loaded = versions_loaded(options.version_policy)
        weights = weight_bytes * loaded
        words = f"{_gb(weight_bytes)} of weights x {loaded} versions loaded beside each other"
        if weights > share_bytes:
            problems.append(
                f"--gpu-memory-gb {server.gpu_memory_gb:g}: {words} need {_gb(weights)}, one replica has "
                f"{_gb(share_bytes)} ({share:g} of the GPU): fewer --replicas-per-gpu, a larger --gpu-memory, a lower "
                "--precision, --prune or a larger GPU"
            )
        elif activation_bytes_per_row:
            notes = _batch_notes(options, words, share_bytes - weights, activation_bytes_per_row)
    if problems:
        raise InvalidOptionsError(Problems("GPU memory", problems).text())
    return notes


def versions_loaded(policy: VersionPolicy | None) -> int:
    """How many versions of a model are in memory at the most: during a rollout, or while `latest` moves on."""
    if policy is not None and policy.latest_count is not None:
        return policy.latest_count + 1
    return max(2, len(policy.specific) if policy is not None else 0)


def _batch_notes(options: ExportOptions, words: str, left_bytes: int, per_row_bytes: int) -> list[str]:
    """What to say of batches, run one at a time and as many as there are threads."""
    largest = options.allowed_batch_sizes[-1]
    threads, _ = processors_of(options.server)
    one_bytes = largest * per_row_bytes
    if one_bytes > left_bytes:
        fitting = [size for size in options.allowed_batch_sizes if size * per_row_bytes <= left_bytes]
        sizes = ",".join(map(str, fitting))
        remedy = (
            f"the largest allowed size that fits is {fitting[-1]}: --max-batch-size {fitting[-1]} "
            f"--allowed-batch-sizes {sizes}"
            if fitting
            else f"no allowed size fits, {left_bytes // per_row_bytes} rows would"
        )
        return [
            f"a batch of {largest} rows needs about {_gb(one_bytes)} on the GPU, beside {words} {_gb(left_bytes)} are "
            f"left: it will fail there; {remedy}"
        ]
    together = left_bytes // one_bytes
    if together < threads:
        return [
            f"{threads} batches of {largest} rows at once (num_batch_threads) need about {_gb(threads * one_bytes)} on "
            f"the GPU, beside {words} {_gb(left_bytes)} are left: room for {together}; set --server-processors or "
            f"num_batch_threads to that, or a smaller --max-batch-size"
        ]
    return []


def _gb(count: int) -> str:
    """Bytes in words: 10^9 to a GB."""
    return f"{count / 1e9:.3g} GB" if count >= 1e8 else f"{count / 1e6:.3g} MB"
