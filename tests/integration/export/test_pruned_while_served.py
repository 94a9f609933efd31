"""A server started with the files of an export serves on, in every version it loads, while others are pruned."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from cli.main import main
from export.options import ExportOptions, ServerFacts, VersionPolicy
from export.out_names import MODELS_CONFIG, SERVER_FLAGS
from export.publish import Staging
from export.serving_files import prepared_serving_files, write_per_model_batching
from export.versions import existing_versions
from tests.integration.backend.process import Backend
from tests.integration.export.test_serving_files import flags_of

pytestmark = pytest.mark.slow

FACTS = ServerFacts(processors=2, is_memory_growth=True, is_per_model_batching=True)


class Times(tf.Module):  # type: ignore[misc]  # TensorFlow has no types
    """Multiplies by its version, so that answers tell versions apart."""

    def __init__(self, version: int) -> None:
        super().__init__()
        self.version = tf.Variable(float(version))

    @tf.function(input_signature=[tf.TensorSpec((None, 1), tf.float32, "x")])  # type: ignore[untyped-decorator]  # as above
    def serve(self, x: Any) -> Any:
        return {"y": x * self.version}


def publish(out: Path) -> None:
    """What an export does after its model is proved; loads versions 2 and 3."""
    options = ExportOptions(
        Path("m.keras"), "times", out, max_batch_size=4, allowed_batch_sizes=(2, 4),
        version_policy=VersionPolicy(specific=(2, 3)), server=FACTS,
    )  # fmt: skip
    with Staging(out / "times", None) as staging:
        module = Times(staging.version)
        tf.saved_model.save(module, str(staging.path), signatures=module.serve)
        write_per_model_batching(staging.path, options)
        with prepared_serving_files(options, staging.version) as files:
            staging.publish()
            files.put_in_place()


@pytest.fixture(name="out")
def _out(tmp_path: Path) -> Path:
    out = tmp_path / "models"
    out.mkdir()
    for _ in range(3):
        publish(out)
    return out


@pytest.fixture(name="server")
def _server(out: Path, tmp_path: Path) -> Iterator[Backend]:
    """Started with the flags as they are written, but for the port, which is a free one."""
    flags = [f"--{name}={value}" for name, value in flags_of(out / SERVER_FLAGS).items() if name != "port"]
    server = Backend(tmp_path / "run", *flags, "--model_config_file_poll_wait_seconds=1")
    try:
        yield server.connect()
    finally:
        server.close()


def answer(server: Backend, version: int, rows: int = 1) -> list[float]:
    got = server.predict("times", {"x": np.ones((rows, 1), np.float32)}, version=version)["y"]
    return [float(value) for value in got[:, 0]]


def prune(out: Path) -> None:
    result = CliRunner().invoke(main, ["versions", "prune", "--out", str(out), "--keep", "1", "--yes"])
    assert result.exit_code == 0, result.output


def test_pruning_beside_a_server_takes_only_what_it_does_not_load(out: Path, server: Backend) -> None:
    server.wait_states("times", {2: "AVAILABLE", 3: "AVAILABLE"})
    prune(out)
    assert set(existing_versions(out / "times")) == {2, 3}
    assert (answer(server, 2), answer(server, 3, rows=3)) == ([2.0], [3.0] * 3)
    config = out / MODELS_CONFIG
    assert config.read_text().count("versions: 2\n") == 1
    config.with_name("next").write_text(config.read_text().replace("versions: 2\n", ""))
    config.with_name("next").replace(config)
    server.wait_states("times", {2: "END"})
    prune(out)
    assert set(existing_versions(out / "times")) == {3}
    assert answer(server, 3) == [3.0]
    assert server.states("times")[3] == "AVAILABLE"
