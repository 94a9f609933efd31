"""From YAML to settings: what is written is what is in force, and every mistake is told at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.config.load import content_hash, from_flags, load, parse
from gateway.config.problems import ConfigurationRefused
from gateway.config.settings import Settings, changes_needing_restart
from gateway.routing.route import DEFAULT_BATCHING, HeaderRule, ModelRoute, VersionMode
from gateway.routing.split import Arm
from gateway.upstream.policy import UpstreamPolicy

PATH = Path("conf/gateway.yaml")
SMALLEST = "upstreams: {serving: {replicas: ['server:8500']}}\n"


def read(text: str) -> Settings:
    return parse(text.encode(), PATH)


def test_the_smallest_file_has_only_an_upstream_and_takes_the_policies_own_defaults() -> None:
    settings = read(SMALLEST)
    assert settings.upstreams["serving"].policy == UpstreamPolicy()
    assert settings.batching == {DEFAULT_BATCHING: BatchPolicy()}
    assert (settings.server.host, settings.server.port, settings.http.port) == ("127.0.0.1", 8500, 9090)
    assert settings.content_hash == content_hash(SMALLEST.encode())


def test_a_model_is_routed_as_it_is_written() -> None:
    settings = read(
        SMALLEST
        + """
routing_headers: [x-account, x-team]
key_header: x-account
models:
  digits:
    versions: managed
    version: 1
    labels: {canary: 2}
    split:
      salt: "2026"
      arms:
        - {name: base, weight: 89.5}
        - {name: canary, weight: 10, version_label: canary}
        - {name: old, weight: 0.5, version: 0}
    header_rules: [{header: x-team, value: blue, arm: canary}]
"""
    )
    route = settings.table.models["digits"]
    assert (route.upstream, route.mode, route.version, route.key_header) == (
        "serving",
        VersionMode.MANAGED,
        1,
        "x-account",
    )
    assert route.split is not None
    assert route.split.salt == "2026"
    assert route.split.arms == (Arm("base", 89.5), Arm("canary", 10, 2), Arm("old", 0.5, 0))
    assert route.header_rules == (HeaderRule("x-team", "blue", "canary"),)


def test_a_split_without_salt_is_salted_with_the_models_name() -> None:
    split = (
        read(SMALLEST + "models: {digits: {split: {arms: [{name: all, weight: 100}]}}}").table.models["digits"].split
    )
    assert split is not None
    assert split.salt == "digits"


def test_a_models_batching_overrides_only_what_it_names() -> None:
    settings = read(
        SMALLEST + "batching: {mode: on, max_batch_size: 8}\nmodels: {one: {batching: {max_batch_size: 4}}, two: {}}"
    )
    one, two = (settings.batch_policy(settings.table.models[name].batching) for name in ("one", "two"))
    assert one == BatchPolicy(BatchMode.ON, max_batch_size=4)
    assert two == BatchPolicy(BatchMode.ON, max_batch_size=8)


def test_every_batching_key_of_tensorflow_serving_reaches_the_policy() -> None:
    settings = read(
        SMALLEST
        + """
batching:
  allowed_batch_sizes: [8, 16, 128]
  max_batch_size: 128
  enable_large_batch_splitting: true
  max_execution_batch_size: 16
  pad_variable_length_inputs: true
  latency_target_s: 0.05
"""
    )
    assert settings.batching[DEFAULT_BATCHING] == BatchPolicy(
        max_batch_size=128,
        allowed_batch_sizes=(8, 16, 128),
        enable_large_batch_splitting=True,
        max_execution_batch_size=16,
        pad_variable_length_inputs=True,
        latency_target_s=0.05,
    )


def test_a_model_that_splits_nothing_needs_no_global_execution_size() -> None:
    settings = read(
        SMALLEST
        + "batching: {enable_large_batch_splitting: true, max_execution_batch_size: 8}\n"
        + "models: {one: {batching: {enable_large_batch_splitting: false}}, two: {batching: {max_batch_size: 16}}}"
    )
    one, two = (settings.batch_policy(name) for name in ("one", "two"))
    assert one == BatchPolicy()
    assert (two.max_batch_size, two.max_execution_batch_size, two.enable_large_batch_splitting) == (16, 8, True)


def test_a_model_whose_batches_are_smaller_than_the_global_execution_size_is_told_so() -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        read(
            SMALLEST
            + "batching: {enable_large_batch_splitting: true, max_execution_batch_size: 32}\n"
            + "models: {one: {batching: {max_batch_size: 16}}}"
        )
    assert [str(problem) for problem in refused.value.problems] == [
        "models.one.batching.max_execution_batch_size: is 32, must be at most max_batch_size, 16"
    ]


def test_a_model_called_default_does_not_change_the_others_batching() -> None:
    settings = read(SMALLEST + "models: {default: {batching: {mode: off}}, other: {}}")
    assert settings.batch_policy(settings.table.models["default"].batching).mode is BatchMode.OFF
    assert settings.batch_policy(settings.table.models["other"].batching).mode is BatchMode.AUTO


def test_paths_are_relative_to_the_file() -> None:
    settings = read("upstreams: {serving: {replicas: ['s:1'], models_config: models.config}}")
    assert settings.upstreams["serving"].models_config == Path("conf/models.config")


def test_a_file_that_is_not_there_is_a_problem_of_its_own(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationRefused, match=r"gateway\.yaml: 1 problem\n  can't be read: No such file or directory$"
    ):
        load(tmp_path / "gateway.yaml")


def test_a_tls_file_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    (tmp_path / "server.pem").write_text("")
    text = SMALLEST + "server: {tls: {cert_file: server.pem, key_file: server.key}}"
    with pytest.raises(ConfigurationRefused, match=r"1 problem\n  server\.tls\.key_file: no file at .*server\.key$"):
        parse(text.encode(), tmp_path / "gateway.yaml")


def test_tls_towards_replicas_becomes_their_policys_files(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("")
    text = "upstreams: {s: {replicas: ['s:1'], tls: {ca_file: ca.pem, server_name: models}}}"
    tls = parse(text.encode(), tmp_path / "gateway.yaml").upstreams["s"].policy.tls
    assert tls is not None
    assert (tls.ca_file, tls.cert_file, tls.server_name) == (str(tmp_path / "ca.pem"), None, "models")


def test_flags_alone_follow_every_model_of_one_upstream() -> None:
    settings = from_flags(["a:8500", "[::1]:8501"], "127.0.0.1", 8500, 9090, batching=False)
    assert settings.upstreams["default"].addresses == ("a:8500", "[::1]:8501")
    assert settings.table.route("anything") == ModelRoute("anything", "default")
    assert settings.batching[DEFAULT_BATCHING].mode is BatchMode.OFF


def test_wrong_flags_are_all_told_by_the_names_of_flags() -> None:
    with pytest.raises(ConfigurationRefused) as refused:
        from_flags(["a", "b:1", "b:1"], "127.0.0.1", 70000, 9090, batching=True)
    assert str(refused.value) == (
        "command line: 3 problems\n"
        '  --upstream: got "a", wanted host:port with a port from 1 to 65535, like model-server:8500\n'
        '  --upstream: "b:1" is listed twice; a replica counts once\n'
        "  --port: got 70000, must be from 0 to 65535"
    )


def test_a_gateway_without_upstream_flag_says_so() -> None:
    with pytest.raises(ConfigurationRefused, match="--upstream: is missing"):
        from_flags([], "127.0.0.1", 8500, 8500, batching=True)


def test_what_only_a_restart_can_change_is_named() -> None:
    old = read(SMALLEST)
    new = read(SMALLEST + "server: {port: 1}\nbatching: {mode: off}")
    assert changes_needing_restart(old, new) == ("server",)
    assert changes_needing_restart(old, old) == ()
