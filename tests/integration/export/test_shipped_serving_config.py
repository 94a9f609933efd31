"""Every file in serving_config/ that TensorFlow Serving is started with loads by its own definitions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from tests.integration.export.test_serving_files import KNOWN_FLAGS, assert_every_setting_is_explained, flags_of
from tests.serving_formats import message

pytestmark = pytest.mark.slow

FOLDER = Path(__file__).parents[3] / "serving_config"
FLAG_FILES = sorted(FOLDER.glob("*.flags"))


def parse(name: str, target: Any) -> Any:
    return text_format.Parse((FOLDER / name).read_text(), target)


def test_models_config_names_models_by_absolute_paths() -> None:
    from tensorflow_serving.config import model_server_config_pb2

    config = parse("models.config", model_server_config_pb2.ModelServerConfig())
    assert [model.name for model in config.model_config_list.config] == ["digits"]
    for model in config.model_config_list.config:
        assert model.base_path.startswith("/") and model.model_platform == "tensorflow"


def test_batching_parameters_end_at_the_largest_batch() -> None:
    parameters = parse("batching_parameters.txt", message("BatchingParameters"))
    sizes = list(parameters.allowed_batch_sizes)
    assert sizes == sorted(set(sizes)) and sizes[-1] == parameters.max_batch_size.value


def test_a_versions_own_batching_ends_at_its_largest_batch_and_leaves_threads_to_the_global_file() -> None:
    parameters = parse("batching_params.pbtxt", message("BatchingParameters"))
    sizes = list(parameters.allowed_batch_sizes)
    assert sizes == sorted(set(sizes)) and sizes[-1] == parameters.max_batch_size.value
    assert not parameters.HasField("num_batch_threads")


def test_session_config_lets_memory_grow_and_sets_nothing_that_flags_overwrite() -> None:
    from tensorflow.core.protobuf import config_pb2

    config = parse("session.config", config_pb2.ConfigProto())
    assert config.gpu_options.allow_growth
    assert config.gpu_options.per_process_gpu_memory_fraction == 0
    assert config.intra_op_parallelism_threads == config.inter_op_parallelism_threads == 0


def test_monitoring_config_serves_metrics_where_prometheus_looks() -> None:
    config = parse("monitoring.config", message("MonitoringConfig"))
    assert config.prometheus_config.enable
    assert config.prometheus_config.path == "/monitoring/prometheus/metrics"


@pytest.mark.parametrize("path", FLAG_FILES, ids=lambda path: path.name)
def test_flags_are_known_explained_and_name_shipped_files(path: Path) -> None:
    flags = flags_of(path)
    assert set(flags) <= KNOWN_FLAGS
    assert_every_setting_is_explained(path)
    for key in ("model_config_file", "batching_parameters_file", "monitoring_config_file"):
        assert (FOLDER / Path(flags[key]).name).is_file()


def test_no_file_for_tensorflow_serving_is_left_without_a_test() -> None:
    texts = {"models.config", "batching_parameters.txt", "batching_params.pbtxt", "session.config", "monitoring.config"}
    tested = {*texts, *(path.name for path in FLAG_FILES)}
    elsewhere = {path.name for path in FOLDER.iterdir() if path.suffix in (".yaml", ".yml", ".md")}
    assert {path.name for path in FOLDER.iterdir()} == tested | elsewhere
