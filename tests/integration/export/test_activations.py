"""Memory of a row: counted in the written graph by what lives at the same time, and compared with the GPU's share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from export.activations import peak_bytes_per_row
from export.errors import InvalidOptionsError
from export.gpu_memory import gpu_memory_notes
from export.options import ExportOptions, Precision, ServerFacts

pytestmark = pytest.mark.slow

KB = 1000


def written(path: Path, widths: list[int], is_sum: bool = False, is_open: bool = False) -> Path:
    """A chain of rows of 250 floats (1 kB) repeated to these widths, one after the other or all summed at the end."""
    import tensorflow as tf

    shape = (None, None) if is_open else (None, 250)

    @tf.function(input_signature=[tf.TensorSpec(shape, tf.float32, "x")])  # type: ignore[untyped-decorator]  # no types
    def call(x: Any) -> Any:
        made = [x]
        for width in widths:
            made.append(tf.tile(x if is_sum else made[-1][:, :250], [1, width]))
        return {"y": tf.concat(made[1:], 1) if is_sum else made[-1]}

    module = tf.Module()
    module.call = call
    tf.saved_model.save(module, str(path), signatures=call)
    return path


def test_tensors_that_follow_each_other_share_memory_and_those_that_wait_do_not(tmp_path: Path) -> None:
    chain = peak_bytes_per_row(written(tmp_path / "chain", [40, 40, 40]))
    held = peak_bytes_per_row(written(tmp_path / "held", [40, 40, 40], is_sum=True))
    assert chain is not None and held is not None
    assert 40 * KB <= chain <= 90 * KB  # one step and at most its copy
    assert held >= 240 * KB  # three parts and what they are joined to


def test_open_sizes_are_not_guessed(tmp_path: Path) -> None:
    version = written(tmp_path / "open", [2], is_open=True)
    assert peak_bytes_per_row(version) is None
    (note,) = gpu_memory_notes(options(gpu_memory_gb=8), version)
    assert "isn't known before a call" in note


def options(precision: Precision = Precision.FLOAT32, **server: Any) -> ExportOptions:
    return ExportOptions(Path("m"), "m", Path("o"), precision=precision, server=ServerFacts(processors=1, **server))


def test_a_written_version_is_compared_with_the_gpus_share(tmp_path: Path) -> None:
    version = written(tmp_path / "held", [400, 400], is_sum=True)  # 1.6 MB a row at least
    assert gpu_memory_notes(options(gpu_memory_gb=8), version) == []
    (note,) = gpu_memory_notes(options(gpu_memory_gb=0.1), version)
    assert "a batch of 64 rows needs about" in note and "--max-batch-size 32" in note
    with pytest.raises(InvalidOptionsError, match="of weights x 2 versions"):
        gpu_memory_notes(options(gpu_memory_gb=1e-6), version)


def test_without_facts_or_on_processors_nothing_is_read(tmp_path: Path) -> None:
    assert gpu_memory_notes(options(), tmp_path / "nothing") == []
    assert gpu_memory_notes(options(Precision.TFLITE_DYNAMIC, gpu_memory_gb=8), tmp_path / "nothing") == []
