"""Serving files: read back by TensorFlow Serving's own definitions, other models kept, never half written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format

from backend import flags as backend_flags
from backend.batching import params as backend_params
from export.errors import BadServingFileError
from export.options import ExportOptions, ServerFacts, VersionPolicy
from export.out_names import BATCHING_PARAMETERS, MODELS_CONFIG, MONITORING_CONFIG, SERVER_FLAGS
from export.serving_files import (
    ServingFiles,
    check_serving_files,
    prepared_serving_files,
    write_per_model_batching,
)
from export.version_needs import PER_MODEL_BATCHING
from tests.serving_formats import message

pytestmark = pytest.mark.slow

# The flags of tensorflow_model_server's main.cc that the shipped and the written files may use.
KNOWN_FLAGS = {
    "port", "rest_api_port", "model_config_file", "enable_batching", "batching_parameters_file",
    "monitoring_config_file", "per_process_gpu_memory_fraction", "grpc_max_threads", "num_load_threads",
    "tensorflow_intra_op_parallelism", "tensorflow_inter_op_parallelism", "enable_model_warmup",
    "xla_gpu_compilation_enabled", "enable_grpc_healthcheck_service", "enable_per_model_batching_parameters",
    "tensorflow_session_config_file", "prefer_tflite_model",
}  # fmt: skip


def options(out: Path, **changes: Any) -> ExportOptions:
    return ExportOptions(**{"model_path": Path("m.keras"), "name": "digits", "out_dir": out, **changes})


def written(of: ExportOptions, version: int) -> ServingFiles:
    with prepared_serving_files(of, version) as prepared:
        return prepared.put_in_place()


def models_of(path: Path) -> dict[str, Any]:
    from tensorflow_serving.config import model_server_config_pb2

    config = text_format.Parse(path.read_text(), model_server_config_pb2.ModelServerConfig())
    return {model.name: model for model in config.model_config_list.config}


def flags_of(path: Path) -> dict[str, str]:
    """Read a flags file as its own first comment says: comments out, the rest as arguments."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")]
    arguments = " ".join(lines).split()
    assert all(argument.startswith("--") and "=" in argument for argument in arguments)
    return dict(argument[2:].split("=", 1) for argument in arguments)


def assert_every_setting_is_explained(path: Path) -> None:
    lines = path.read_text().splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if line.startswith("--"):
            assert before.startswith(("#", "--")), f"{path.name}: {line} has no comment before it"


def test_a_new_model_is_served_from_the_absolute_folder_at_its_latest_version(tmp_path: Path) -> None:
    written(options(tmp_path), 1)
    model = models_of(tmp_path / MODELS_CONFIG)["digits"]
    assert model.base_path == str(tmp_path / "digits")
    assert model.model_platform == "tensorflow"
    assert model.model_version_policy.latest.num_versions == 1


@pytest.mark.parametrize("base", ["/models", "/models/"])
def test_the_servers_own_path_is_written(base: str, tmp_path: Path) -> None:
    written(options(tmp_path, served_base_path=base), 1)
    assert models_of(tmp_path / MODELS_CONFIG)["digits"].base_path == "/models/digits"
    assert flags_of(tmp_path / SERVER_FLAGS)["model_config_file"] == "/models/models.config"


def test_other_models_and_labels_are_kept(tmp_path: Path) -> None:
    (tmp_path / MODELS_CONFIG).write_text(
        'model_config_list { config { name: "other" base_path: "/srv/other" model_platform: "tensorflow" }\n'
        'config { name: "digits" base_path: "/srv/digits" model_platform: "tensorflow"\n'
        '  model_version_policy { specific { versions: 1 } } version_labels { key: "stable" value: 1 } } }'
    )
    files = written(options(tmp_path), 2)
    models = models_of(tmp_path / MODELS_CONFIG)
    assert models["other"].base_path == "/srv/other"
    assert models["digits"].base_path == "/srv/digits"
    assert list(models["digits"].model_version_policy.specific.versions) == [1]
    assert dict(models["digits"].version_labels) == {"stable": 1}
    assert "version 2 isn't among them" in files.notes[0]


@pytest.mark.parametrize(
    ("policy", "choice"),
    [(VersionPolicy(), "all"), (VersionPolicy(specific=(1, 2)), "specific"), (VersionPolicy(latest_count=2), "latest")],
)
def test_a_given_policy_replaces_the_one_before(policy: VersionPolicy, choice: str, tmp_path: Path) -> None:
    written(options(tmp_path, version_policy=VersionPolicy(specific=(7,))), 7)
    files = written(options(tmp_path, version_policy=policy), 2)
    assert models_of(tmp_path / MODELS_CONFIG)["digits"].model_version_policy.WhichOneof("policy_choice") == choice
    assert files.notes == ()


def test_batching_parameters_end_at_the_largest_batch(tmp_path: Path) -> None:
    written(options(tmp_path, max_batch_size=16, allowed_batch_sizes=(1, 4, 16)), 1)
    text = (tmp_path / BATCHING_PARAMETERS).read_text()
    parameters = text_format.Parse(text, message("BatchingParameters"))
    assert list(parameters.allowed_batch_sizes) == [1, 4, 16]
    assert parameters.max_batch_size.value == 16
    assert parameters.num_batch_threads.value >= 1


def test_the_flags_are_tensorflow_servings_and_each_is_explained(tmp_path: Path) -> None:
    written(options(tmp_path), 1)
    flags = flags_of(tmp_path / SERVER_FLAGS)
    assert set(flags) <= KNOWN_FLAGS
    assert flags["batching_parameters_file"] == str(tmp_path / BATCHING_PARAMETERS)
    assert all(Path(value).is_file() for name, value in flags.items() if name.endswith("_file"))
    assert 0 < float(flags["per_process_gpu_memory_fraction"]) < 1
    assert_every_setting_is_explained(tmp_path / SERVER_FLAGS)


def test_growth_is_written_as_tensorflow_reads_it_and_named_by_a_flag(tmp_path: Path) -> None:
    from tensorflow.core.protobuf import config_pb2

    files = written(options(tmp_path, server=ServerFacts(is_memory_growth=True)), 1)
    named = Path(flags_of(tmp_path / SERVER_FLAGS)["tensorflow_session_config_file"])
    assert named in files.paths
    session = text_format.Parse(named.read_text(), config_pb2.ConfigProto())
    assert session.gpu_options.allow_growth
    # The server overwrites these with its flags, so the file must not pretend to set them.
    assert session.gpu_options.per_process_gpu_memory_fraction == 0
    assert session.intra_op_parallelism_threads == session.inter_op_parallelism_threads == 0


@pytest.mark.parametrize(
    "server",
    [ServerFacts(is_memory_growth=True, is_per_model_batching=True), ServerFacts(replicas_per_gpu=2, is_xla=True)],
)
def test_the_embedded_backend_takes_the_files_as_they_are(server: ServerFacts, tmp_path: Path) -> None:
    asked = options(tmp_path, server=server)
    written(asked, 1)
    flags = backend_flags.parse([f"--{name}={value}" for name, value in flags_of(tmp_path / SERVER_FLAGS).items()])
    assert backend_params.parse_file(flags.batching_parameters_file).allowed_batch_sizes == (1, 8, 32, 64)
    write_per_model_batching(tmp_path, asked)
    own = backend_params.parse_file(str(tmp_path / PER_MODEL_BATCHING))
    assert own.allowed_batch_sizes == (1, 8, 32, 64)


def test_a_config_no_server_would_load_is_refused_and_kept(tmp_path: Path) -> None:
    text = 'custom_model_config { type_url: "x" }'
    (tmp_path / MODELS_CONFIG).write_text(text)
    with pytest.raises(BadServingFileError, match="custom_model_config"):
        written(options(tmp_path), 1)
    assert (tmp_path / MODELS_CONFIG).read_text() == text


def test_the_metrics_of_a_replica_are_switched_on(tmp_path: Path) -> None:
    written(options(tmp_path), 1)
    flags = flags_of(tmp_path / SERVER_FLAGS)
    assert flags["monitoring_config_file"] == str(tmp_path / MONITORING_CONFIG)
    config = text_format.Parse((tmp_path / MONITORING_CONFIG).read_text(), message("MonitoringConfig"))
    assert config.prometheus_config.enable
    assert int(flags["rest_api_port"]) > 0


def test_a_config_that_says_the_same_already_is_left_with_its_comments(tmp_path: Path) -> None:
    written(options(tmp_path), 1)
    path = tmp_path / MODELS_CONFIG
    path.write_text("# mine\n" + path.read_text())
    before = path.stat()
    files = written(options(tmp_path), 2)
    assert path.read_text().startswith("# mine\n")
    assert path.stat().st_ino == before.st_ino
    assert path in files.paths and path in files.unchanged


def test_files_that_are_not_put_in_place_leave_nothing_and_a_killed_exports_are_cleaned_up(tmp_path: Path) -> None:
    with prepared_serving_files(options(tmp_path), 1) as prepared:
        temporary = {path.name for path in tmp_path.iterdir() if path.name.endswith("-tmp")}
        assert {path.name for path in prepared.waiting} == {name[1:].partition(".tidegate-")[0] for name in temporary}
    assert {path.name for path in tmp_path.iterdir()} == {".tidegate.lock"}
    for name in temporary:
        (tmp_path / name).write_text("left by one that was killed")
    written(options(tmp_path), 1)
    assert not any(path.name.endswith("-tmp") for path in tmp_path.iterdir())


def test_a_config_behind_a_symbolic_link_stays_behind_it(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / MODELS_CONFIG).symlink_to(tmp_path / "elsewhere" / "real.config")
    written(options(tmp_path / "out"), 1)
    assert (tmp_path / "out" / MODELS_CONFIG).is_symlink()
    assert set(models_of(tmp_path / "elsewhere" / "real.config")) == {"digits"}


def test_a_folder_where_a_file_is_to_be_written_is_refused_before_the_export(tmp_path: Path) -> None:
    (tmp_path / SERVER_FLAGS).mkdir()
    with pytest.raises(BadServingFileError, match=rf"{SERVER_FLAGS}: a folder"):
        check_serving_files(options(tmp_path))
