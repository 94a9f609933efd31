"""The memory child: it outlives no owner, and its death, its silence and a version that kills it are clear errors."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from export.errors import MeasureError
from export.gate import memory
from export.gate.figures import Candidate
from export.gate.memory import MemoryProbe
from export.servable import Servable
from export.signature import Signature, TensorInfo
from export.writer import write_saved_model
from tests.integration.export.conftest import SharedProbe

pytestmark = pytest.mark.slow

GONE_S = 60.0  # it sees that its owner is gone when its imports are done


def test_a_version_that_cannot_be_loaded_is_named_by_the_memory_child(
    tmp_path: Path, shared_probe: SharedProbe
) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"no model")
    with shared_probe.lend() as probe:
        probe.ask([Candidate("damaged", tmp_path, None)], 1, None)
        with pytest.raises(MeasureError, match=r"damaged: the process that loads .* ended with status 1"):
            probe.collect()


def test_a_memory_child_that_dies_or_hangs_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    candidate = Candidate("float32", tmp_path, None)
    with MemoryProbe() as probe:
        probe.ask([candidate], 1, None)
        probe.end()
        with pytest.raises(MeasureError, match="float32: the process that measures memory ended"):
            probe.collect()
        with pytest.raises(MeasureError, match="ended"):
            probe.ask([candidate], 1, None)
            probe.collect()
    monkeypatch.setattr(memory, "TIMEOUT_S", 0.0)
    with MemoryProbe() as probe:
        probe.ask([candidate], 1, None)
        with pytest.raises(MeasureError, match="said nothing for 0 s and was stopped"):
            probe.collect()
        assert not probe.is_alive


def test_what_libraries_print_is_not_taken_for_the_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "print('[]', flush=True)"
    (tmp_path / "sitecustomize.py").write_text(
        f"import os\n{words}\nos.register_at_fork(after_in_child=lambda: {words})\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with MemoryProbe() as probe:
        probe.ask([holding(tmp_path / "small", 1)], 4, None)
        [found] = probe.collect()
    assert found.called_bytes > 0


OWNER = """
import sys
from export.gate.memory import MemoryProbe
with MemoryProbe() as probe:
    print(probe._child.pid, flush=True)
    sys.stdin.read()
"""


def test_the_memory_child_ends_with_its_owner() -> None:
    command = [sys.executable, "-c", OWNER]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as owner:
        assert owner.stdout is not None
        child = psutil.Process(int(owner.stdout.readline()))
        owner.send_signal(signal.SIGKILL)
    psutil.wait_procs([child], timeout=GONE_S)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def holding(folder: Path, megabytes: int) -> Candidate:
    """A version with a table of that size, of which a call reads a row."""
    import tensorflow as tf

    table = np.random.default_rng(1).standard_normal((megabytes * 250, 1000)).astype("float32")
    signature = Signature({"row": TensorInfo("int32", (None,))}, {"values": TensorInfo("float32", (None, 1000))})
    write_saved_model(
        Servable(lambda inputs: {"values": tf.gather(tf.constant(table), inputs["row"])}, signature, lambda found: []),
        folder,
    )
    return Candidate(f"{megabytes} MB", folder, None)


def test_memory_is_the_versions_own(tmp_path: Path, shared_probe: SharedProbe) -> None:
    small, large = holding(tmp_path / "small", 1), holding(tmp_path / "large", 20)
    with shared_probe.lend() as probe:
        probe.ask([small, large, small], 4, {"row": np.arange(4, dtype=np.int32)})
        first, second, third = probe.collect()
    assert second.called_bytes - first.called_bytes > 15_000_000
    assert abs(third.called_bytes - first.called_bytes) < 10_000_000  # nothing is left of the large one
