"""Versions, reloads, labels and warm-up of a real process: what TensorFlow Serving promises about change."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import grpc
import numpy as np
import pytest
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2

from tests.integration.backend.process import CALL_S, Backend, config_list, model_config, status_of
from tests.integration.backend.savedmodels import write_warmup

pytestmark = pytest.mark.slow
Publish = Callable[[str, Path, int], Path]

LABELED = 'model_version_policy {{ specific {{ {versions} }} }} version_labels {{ key: "live" value: {live} }}'


def _error_of(backend: Backend, model: str, version: int) -> tuple[int, str]:
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = model
    message.model_spec.version.value = version
    (status,) = backend.models.GetModelStatus(message, timeout=CALL_S).model_version_status
    return status.status.error_code, status.status.error_message


def _refusal(backend: Backend, config: str) -> tuple[str, str]:
    with pytest.raises(grpc.RpcError) as error:
        backend.reload(config)
    return status_of(error.value)


def test_a_new_version_takes_over_without_a_failed_call(reloading: Backend, publish: Publish, tmp_path: Path) -> None:
    publish("half1", tmp_path / "m", 1)
    reloading.reload(config_list(model_config("roll", tmp_path / "m")))
    stop, seen = threading.Event(), []

    def call() -> None:
        while not stop.is_set():
            seen.append(reloading.half("roll"))

    callers = [threading.Thread(target=call) for _ in range(2)]
    for caller in callers:
        caller.start()
    publish("half2", tmp_path / "m", 2)
    reloading.wait_states("roll", {2: "AVAILABLE", 1: "END"})
    stop.set()
    for caller in callers:
        caller.join(CALL_S)
    assert set(seen) == {1.0, 2.0}
    assert reloading.half("roll") == 2
    with pytest.raises(grpc.RpcError) as error:
        reloading.half("roll", version=1)
    assert status_of(error.value) == ("NOT_FOUND", "Servable not found for request: Specific(roll, 1)")


def test_add_then_label_then_drop_moves_a_label_without_a_gap(
    reloading: Backend, publish: Publish, tmp_path: Path
) -> None:
    base = tmp_path / "m"
    publish("half1", base, 1)
    publish("half2", base, 2)

    def config(versions: str, live: int) -> str:
        return config_list(model_config("lab", base, LABELED.format(versions=versions, live=live)))

    reloading.reload(config_list(model_config("lab", base, "model_version_policy { specific { versions: 1 } }")))
    reloading.reload(config("versions: 1", 1))
    assert reloading.half("lab", label="live") == 1
    # Too early: version 2 isn't there, so nothing of this reload happens, not even the load.
    assert _refusal(reloading, config("versions: 1 versions: 2", 2)) == (
        "FAILED_PRECONDITION",
        "Request to assign label to version 2 of model lab, which is not currently available for inference",
    )
    assert (reloading.states("lab"), reloading.half("lab", label="live")) == ({1: "AVAILABLE"}, 1)
    reloading.reload(config("versions: 1 versions: 2", 1))
    reloading.wait_states("lab", {1: "AVAILABLE", 2: "AVAILABLE"})
    reloading.reload(config("versions: 1 versions: 2", 2))
    assert reloading.half("lab", label="live") == 2
    reloading.reload(config("versions: 2", 2))
    reloading.wait_states("lab", {1: "END", 2: "AVAILABLE"})
    # And back again: an unloaded version can be loaded once more.
    reloading.reload(config("versions: 1 versions: 2", 2))
    reloading.wait_states("lab", {1: "AVAILABLE", 2: "AVAILABLE"})


def test_a_corrupt_version_ends_with_its_error_and_disturbs_nothing(
    reloading: Backend, publish: Publish, tmp_path: Path
) -> None:
    publish("half1", tmp_path / "good", 1)
    publish("half1", tmp_path / "bad", 1)
    entries = [model_config(name, tmp_path / name) for name in ("good", "bad")]
    reloading.reload(config_list(*entries))
    for version, content in [(2, None), (3, b"not a saved model")]:
        broken = tmp_path / f".{version}.tmp-x"
        broken.mkdir()
        if content is not None:
            (broken / "saved_model.pb").write_bytes(content)
        broken.rename(tmp_path / "bad" / str(version))
        reloading.wait_states("bad", {1: "AVAILABLE", version: "END"})
    code, text = _error_of(reloading, "bad", 2)
    assert code == 5
    assert text.startswith("Could not find SavedModel .pb or .pbtxt at supplied export directory path: ")
    assert _error_of(reloading, "bad", 3)[0] == 15
    assert (reloading.half("bad"), reloading.half("good")) == (1, 1)


def test_a_new_model_that_fails_is_told_to_who_reloads(reloading: Backend, publish: Publish, tmp_path: Path) -> None:
    publish("half1", tmp_path / "good", 1)
    (tmp_path / "bad/1").mkdir(parents=True)
    # Only models whose names are new are waited for.
    entries = [model_config("fine", tmp_path / "good"), model_config("broken", tmp_path / "bad")]
    code, text = _refusal(reloading, config_list(*entries))
    assert code == "UNKNOWN"
    assert text.startswith("1 model(s) did not become available: {{{name: broken version: 1} due to error: NOT_FOUND: ")
    assert reloading.half("fine") == 1


def test_a_missing_base_path_stops_all_changes_until_it_is_there(
    reloading: Backend, publish: Publish, tmp_path: Path
) -> None:
    publish("half1", tmp_path / "a", 1)
    reloading.reload(config_list(model_config("a", tmp_path / "a")))
    message = model_management_pb2.ReloadConfigRequest()
    for name in ("gone", "a"):
        message.config.model_config_list.config.add(
            name=name, base_path=str(tmp_path / name), model_platform="tensorflow"
        )
    waiting = reloading.models.HandleReloadConfigRequest.future(message, timeout=CALL_S)
    publish("half2", tmp_path / "a", 2)
    text = f"Could not find base path {tmp_path / 'gone'} for servable gone"
    reloading.wait_log(text)
    assert reloading.states("a") == {1: "AVAILABLE"}
    publish("half1", tmp_path / "gone", 1)
    assert waiting.result(CALL_S).status.error_code == 0
    reloading.wait_states("a", {2: "AVAILABLE", 1: "END"})


def test_warm_up_is_replayed_and_a_failing_record_fails_the_load(
    reloading: Backend, publish: Publish, tmp_path: Path
) -> None:
    base = tmp_path / "w"
    write_warmup(publish("counting", base, 1), 1.0, rows=2)
    reloading.reload(config_list(model_config("warm", base)))
    assert "1 warm-up records replayed" in reloading.log()
    broken = publish("counting", tmp_path, 7)
    write_warmup(broken, -1.0)
    broken.rename(base / "2")
    reloading.wait_states("warm", {2: "END", 1: "AVAILABLE"})
    code, text = _error_of(reloading, "warm", 2)
    assert (code, "negative row" in text) == (3, True)
    broken = publish("counting", tmp_path, 8)
    write_warmup(broken, 1.0)
    (broken / "assets.extra/tf_serving_warmup_requests").write_bytes(b"no TFRecord at all, only some bytes")
    broken.rename(base / "3")
    reloading.wait_states("warm", {3: "END", 1: "AVAILABLE"})
    code, text = _error_of(reloading, "warm", 3)
    assert (code, text.endswith("Please verify your warmup data is in TFRecord format.")) == (15, True)


@pytest.mark.parametrize(
    ("config", "code", "text"),
    [
        (
            config_list(model_config("a", Path("/m")), model_config("a", Path("/m"))),
            "INVALID_ARGUMENT",
            "Illegal to list model a multiple times in config list",
        ),
        (
            config_list(model_config("a", Path("m"))),
            "INVALID_ARGUMENT",
            "Expected model a to have an absolute path or URI; got base_path()=m",
        ),
        (
            "custom_model_config {}",
            "INVALID_ARGUMENT",
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported",
        ),
        (
            "",
            "INVALID_ARGUMENT",
            "ServerModelConfig type not supported by HandleReloadConfigRequest. "
            "Only ModelConfigList is currently supported",
        ),
    ],
    ids=["listed twice", "relative path", "custom", "empty"],
)
def test_a_wrong_reload_is_refused_and_changes_nothing(
    reloading: Backend, publish: Publish, tmp_path: Path, config: str, code: str, text: str
) -> None:
    publish("half1", tmp_path / "m", 1)
    reloading.reload(config_list(model_config("kept", tmp_path / "m")))
    assert _refusal(reloading, config) == (code, text)
    assert reloading.half("kept") == 1


def test_an_empty_list_unloads_every_model(reloading: Backend, publish: Publish, tmp_path: Path) -> None:
    publish("half1", tmp_path / "m", 1)
    reloading.reload(config_list(model_config("m", tmp_path / "m")))
    reloading.reload("model_config_list {}")
    reloading.wait_states("m", {1: "END"})
    with pytest.raises(grpc.RpcError) as error:
        reloading.predict("m", {"x": np.zeros((1, 3), np.float32)})
    assert status_of(error.value) == ("NOT_FOUND", "Servable not found for request: Latest(m)")
