"""A started gateway is light: neither TensorFlow nor numpy in its memory, and little memory altogether."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.fakes.gateway_process import ROOT, GatewayProcess
from tests.fakes.replica import FakeReplica
from tests.fakes.tensors import answer_of, predict_message

pytestmark = pytest.mark.slow

HEAVY = ("tensorflow", "tensorflow_serving", "keras", "numpy", "ml_dtypes", "h5py")
MAX_RSS_BYTES = 100 * 1000 * 1000
CALLS = 1000


def test_importing_the_gateway_loads_nothing_heavy() -> None:
    script = f"import sys, gateway.__main__; print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


async def test_a_gateway_that_served_stays_light(tmp_path: Path) -> None:
    replica = FakeReplica()
    gateway = GatewayProcess(tmp_path, "--upstream", await replica.start(), "--port", "0", "--http-port", "0")
    try:
        await gateway.start()
        for first in range(0, CALLS, 20):
            values = [[float(number), 0.0] for number in range(first, first + 20)]
            answers = await asyncio.gather(*(gateway.predict(predict_message(value)) for value in values))
            assert answers == [(1, answer_of(value, 1)) for value in values]
        process = psutil.Process(gateway.pid)
        mapped = [entry.path for entry in process.memory_maps()]
        assert mapped
        assert [path for path in mapped if any(f"/{name}" in path for name in HEAVY)] == []
        assert process.memory_info().rss < MAX_RSS_BYTES
    finally:
        await gateway.stop()
        await replica.stop()
