"""Every file that Compose mounts is loaded by the parser of the program that will read it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from google.protobuf import text_format
from tensorflow_serving.config import model_server_config_pb2

from backend.batching.params import parse_file
from export import serving_texts
from export.options import ServerFacts
from export.out_names import BATCHING_PARAMETERS, MODELS_CONFIG, MONITORING_CONFIG
from export.server_flags import VersionNeeds, flags_text
from gateway.config.load import load
from tests.contracts.compose import ROOT, mounted_files, services
from tests.serving_formats import message as serving_format

DEPLOY, SERVING = ROOT / "deploy", ROOT / "serving_config"


def parse_models_config(path: Path) -> None:
    """TensorFlow Serving's own definition. Raises: google.protobuf.text_format.ParseError."""
    message = text_format.Parse(path.read_text(encoding="utf-8"), model_server_config_pb2.ModelServerConfig())
    assert [config.model_platform for config in message.model_config_list.config] == ["tensorflow"]


def parse_batching_parameters(path: Path) -> None:
    """Its own definition, and the embedded server's loader. Raises: ParseError, ServingError."""
    text_format.Parse(path.read_text(encoding="utf-8"), serving_format("BatchingParameters"))
    assert parse_file(str(path)).allowed_batch_sizes


def parse_monitoring_config(path: Path) -> None:
    """MonitoringConfig, by its own definition. Raises: google.protobuf.text_format.ParseError."""
    message = text_format.Parse(path.read_text(encoding="utf-8"), serving_format("MonitoringConfig"))
    assert message.prometheus_config.enable


def parse_session_config(path: Path) -> None:
    """What an export writes, comments aside; test_shipped_serving_config.py reads it by TensorFlow's own definition."""
    assert settings_of(path.read_text(encoding="utf-8")) == settings_of(serving_texts.session_text())


def settings_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def parse_flags(path: Path) -> None:
    """One --name=value a line, as `grep -v '^#'` leaves them."""
    assert flags_of(path.read_text(encoding="utf-8"))


def flags_of(text: str) -> dict[str, str]:
    lines = settings_of(text)
    assert all(re.fullmatch(r"--[a-z_]+=\S+", line) for line in lines)
    return dict(line[2:].split("=", 1) for line in lines)


def parse_gateway(path: Path) -> None:
    """The gateway's own loader: refuses everything it doesn't know."""
    assert load(path).upstreams


def parse_provisioning(path: Path) -> None:
    """Grafana's provisioning: apiVersion 1 and one list of what is provisioned."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert document["apiVersion"] == 1
    assert len({"datasources", "providers"} & set(document)) == 1


def parse_prometheus(path: Path) -> None:
    """Structure only; test_prometheus_itself_accepts_its_configuration asks promtool."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert {"global", "scrape_configs"} == set(document)


def parse_json(path: Path) -> None:
    assert json.loads(path.read_text(encoding="utf-8"))


def parser_of(path: Path) -> Callable[[Path], None]:
    """Who reads this file. Raises: LookupError for a file that nobody is known to read."""
    for pattern, parser in (
        ("serving_config/models.config", parse_models_config),
        ("serving_config/monitoring.config", parse_monitoring_config),
        ("serving_config/batching_parameters.txt", parse_batching_parameters),
        ("serving_config/batching_params.pbtxt", parse_batching_parameters),
        ("serving_config/session.config", parse_session_config),
        ("serving_config/*.flags", parse_flags),
        ("**/gateway.yaml", parse_gateway),
        ("deploy/prometheus/prometheus.yml", parse_prometheus),
        ("deploy/grafana/provisioning/*/*.yaml", parse_provisioning),
        ("deploy/grafana/dashboards/*.json", parse_json),
    ):
        if path.relative_to(ROOT).match(pattern):
            return parser
    raise LookupError(f"{path} is mounted, but no parser is named for it here")


@pytest.mark.parametrize("path", mounted_files(), ids=lambda path: path.name)
def test_a_mounted_file_is_loaded_by_its_reader(path: Path) -> None:
    parser_of(path)(path)


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian package prometheus) is not installed")
def test_prometheus_itself_accepts_its_configuration() -> None:
    command = ["promtool", "check", "config", str(DEPLOY / "prometheus" / "prometheus.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr


def test_prometheus_scrapes_the_gateway_and_every_replica_where_they_listen() -> None:
    document = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    jobs = {job["job_name"]: job for job in document["scrape_configs"]}
    http = load(DEPLOY / "gateway.yaml").http
    assert jobs["tidegate"]["static_configs"] == [{"targets": [f"gateway:{http.port}"]}]
    (lookup,) = jobs["tensorflow-serving"]["dns_sd_configs"]
    flags = (SERVING / "tensorflow_serving_cpu.flags").read_text(encoding="utf-8")
    assert f"--rest_api_port={lookup['port']}" in flags
    for name in ("tensorflow-serving-cpu", "tensorflow-serving-gpu"):
        assert lookup["names"] == services()[name]["networks"]["default"]["aliases"]
    path = jobs["tensorflow-serving"]["metrics_path"]
    assert f'path: "{path}"' in (SERVING / "monitoring.config").read_text(encoding="utf-8")


def test_the_gateway_asks_the_replicas_by_the_name_compose_gives_them() -> None:
    (upstream,) = load(DEPLOY / "gateway.yaml").upstreams.values()
    assert upstream.addresses == ("tensorflow-serving:8500",)
    flags = (SERVING / "tensorflow_serving_cpu.flags").read_text(encoding="utf-8")
    assert "--port=8500" in flags
    for name in ("tensorflow-serving-cpu", "tensorflow-serving-gpu"):
        (command,) = services()[name]["command"]
        assert f"--model_config_file={upstream.models_config}" in command


def batch_threads(text: str) -> int:
    return int(text_format.Parse(text, serving_format("BatchingParameters")).num_batch_threads.value)


@pytest.mark.parametrize("path", sorted(SERVING.glob("*.flags")), ids=lambda path: path.name)
def test_a_shipped_replica_has_a_worker_for_each_batch_thread(path: Path) -> None:
    batching = (SERVING / "batching_parameters.txt").read_text(encoding="utf-8")
    assert_workers_suffice(path.read_text(encoding="utf-8"), batch_threads(batching))


@pytest.mark.parametrize("processors", [1, 2, 64])
def test_an_exported_replica_has_a_worker_for_each_batch_thread(processors: int) -> None:
    server = ServerFacts(processors=processors)
    threads = batch_threads(serving_texts.batching_text((1, 8), server))
    assert_workers_suffice(flags_text("/models", server, VersionNeeds()), threads)


def assert_workers_suffice(flags: str, threads: int) -> None:
    """One pool of this size runs all Session runs of TensorFlow Serving; 0 is one worker a core of the server."""
    workers = int(flags_of(flags).get("tensorflow_inter_op_parallelism", "0"))
    assert workers == 0 or workers >= threads


def test_an_exported_replica_gives_prometheus_its_metrics_where_prometheus_asks() -> None:
    document = yaml.safe_load((DEPLOY / "prometheus" / "prometheus.yml").read_text(encoding="utf-8"))
    (job,) = [job for job in document["scrape_configs"] if job["job_name"] == "tensorflow-serving"]
    flags = flags_of(flags_text("/models", ServerFacts(processors=2), VersionNeeds()))
    assert flags["rest_api_port"] == str(job["dns_sd_configs"][0]["port"])
    assert flags["monitoring_config_file"] == "/models/monitoring.config"
    config = text_format.Parse(serving_texts.monitoring_text(), serving_format("MonitoringConfig"))
    assert config.prometheus_config.enable
    assert config.prometheus_config.path == job["metrics_path"]


def test_every_file_that_shipped_flags_name_in_the_models_folder_is_one_that_an_export_writes() -> None:
    written = {MODELS_CONFIG, BATCHING_PARAMETERS, MONITORING_CONFIG}
    for path in SERVING.glob("*.flags"):
        flags = flags_of(path.read_text(encoding="utf-8"))
        assert {value for name, value in flags.items() if name.endswith("_file")} == {f"/models/{n}" for n in written}
