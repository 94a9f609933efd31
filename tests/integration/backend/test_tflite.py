"""TensorFlow Lite versions from a real process: preferred, described, called, wrongly called, and freed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import psutil
import pytest
import tensorflow as tf
from tensorflow_serving.apis import classification_pb2, get_model_metadata_pb2, get_model_status_pb2, regression_pb2

from tests.integration.backend import litemodels
from tests.integration.backend.process import CALL_S, Backend, config_list, model_config, request, status_of
from tests.integration.backend.savedmodels import write_warmup

pytestmark = pytest.mark.slow

ROWS = np.array([[1, 2], [4, 5]], np.float32)
IMAGE = np.ones((1, 8, 8, 1), np.float32)
MODELS = ("half", "plain", "both", "conv", "fixed", "echo", "judge", "bare")


def _config(root: Path, *more: str) -> str:
    labels = 'model_version_policy { all {} } version_labels { key: "stable" value: 1 }'
    entries = [model_config(name, root / name, labels if name == "half" else "") for name in MODELS]
    return config_list(*entries, *more)


@pytest.fixture(scope="module")
def root(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for each of MODELS; `plain` is a SavedModel, `both` a SavedModel with a file beside it."""
    root = tmp_path_factory.mktemp("lite")
    shutil.copytree(saved / "half2", root / "plain/1")
    shutil.copytree(saved / "half2", root / "both/1")
    files = {
        "half/1": litemodels.half(1.0),
        "half/2": litemodels.half(2.0),
        "both/1": litemodels.half(7.0),
        "conv/1": litemodels.conv(None),
        "fixed/1": litemodels.conv(1),
        "echo/1": litemodels.echo(),
        "judge/1": litemodels.judge(),
        "bare/1": litemodels.convert(lambda x: {"y": x + 1.0}, litemodels.FLOATS),
    }
    for place, content in files.items():
        litemodels.write(root / place, content)
    return root


@pytest.fixture(scope="module")
def lite(root: Path) -> Iterator[Backend]:
    config = root / "models.config"
    config.write_text(_config(root))
    backend = Backend(
        root / "run",
        f"--model_config_file={config}",
        "--prefer_tflite_model",
        "--num_tflite_pools=2",
        "--allow_version_labels_for_unavailable_models",
        "--max_num_load_retries=0",
        "--grpc_max_threads=64",
    )
    yield backend.connect()
    backend.close()


def _offset(backend: Backend, model: str, **spec: Any) -> float:
    return float(backend.predict(model, {"x": np.zeros((1, 2), np.float32)}, **spec)["y"][0, 0])


def _end_of(backend: Backend, model: str, version: int) -> str:
    message = get_model_status_pb2.GetModelStatusRequest()
    message.model_spec.name = model
    message.model_spec.version.value = version
    (status,) = backend.models.GetModelStatus(message, timeout=CALL_S).model_version_status
    return str(status.status.error_message)


def test_the_file_is_preferred_and_a_version_without_it_is_a_savedmodel_still(lite: Backend) -> None:
    assert _offset(lite, "both") == 7.0
    assert lite.half("plain") == 2.0


def test_without_the_flag_the_file_is_not_looked_at(reloading: Backend, root: Path, tmp_path: Path) -> None:
    shutil.copytree(root / "both/1", tmp_path / "m/1")
    reloading.reload(config_list(model_config("m", tmp_path / "m")))
    assert reloading.half("m") == 2.0
    shutil.copytree(root / "half/1", tmp_path / "m/2")
    reloading.wait_states("m", {2: "END", 1: "AVAILABLE"})
    assert _end_of(reloading, "m", 2) == (
        f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {tmp_path / 'm/2'}. "
        "Check that the directory exists and that you have the right permissions for accessing it. "
        "It has a model.tflite, which is served with --prefer_tflite_model."
    )


def test_versions_and_labels_are_those_of_any_model(lite: Backend) -> None:
    assert [_offset(lite, "half"), _offset(lite, "half", version=1), _offset(lite, "half", label="stable")] == [2, 1, 1]
    response = lite.prediction.Predict(request("half", {"x": ROWS}), timeout=CALL_S)
    assert (response.model_spec.version.value, response.model_spec.signature_name) == (2, "serving_default")
    assert list(response.outputs["y"].float_val) == (ROWS / 2 + 2).ravel().tolist()
    assert list(lite.predict("half", {"x": ROWS}, outputs=["sum"])) == ["sum"]


def test_metadata_has_the_stored_aliases_or_tensor_names(lite: Backend) -> None:
    def slots(model: str) -> dict[str, tuple[int, list[int]]]:
        message = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
        message.model_spec.name = model
        signatures = get_model_metadata_pb2.SignatureDefMap()
        reply = lite.prediction.GetModelMetadata(message, timeout=CALL_S)
        assert reply.metadata["signature_def"].Unpack(signatures)
        definition = signatures.signature_def["serving_default"]
        assert definition.method_name == litemodels.PREDICT
        both = [*definition.inputs.items(), *definition.outputs.items()]
        return {alias: (info.dtype, [dim.size for dim in info.tensor_shape.dim]) for alias, info in both}

    assert slots("half") == {"x": (1, [-1, 2]), "y": (1, [-1, 2]), "sum": (1, [-1])}
    # Made up as TensorFlow Serving does: one row is what the file was written for.
    assert slots("bare") == {"serving_default_x": (1, [1, 2]), "PartitionedCall": (1, [1, 2])}
    assert lite.predict("bare", {"serving_default_x": ROWS})["PartitionedCall"].tolist() == (ROWS + 1).tolist()


def test_any_number_of_rows_is_answered(lite: Backend) -> None:
    for rows in (1, 7, 0, 300, 2):
        pixels = np.full((rows, 8, 8, 1), rows, np.float32)
        assert lite.predict("conv", {"pixels": pixels})["scores"].shape == (rows, 10)
    assert lite.predict("fixed", {"pixels": IMAGE})["scores"].shape == (1, 10)
    with pytest.raises(grpc.RpcError) as error:
        lite.predict("fixed", {"pixels": np.ones((3, 8, 8, 1), np.float32)})
    code, text = status_of(error.value)
    assert (code, text.startswith("Failed to allocate tensors: ")) == ("INTERNAL", True)
    assert lite.predict("fixed", {"pixels": IMAGE})["scores"].shape == (1, 10)


ERRORS: list[tuple[str, dict[str, Any], dict[str, Any], str, str]] = [
    ("conv", {"pixels": IMAGE[0]}, {}, "INVALID_ARGUMENT", "has shape [8,8,1]; expected [?,8,8,1] (is the batch"),
    ("conv", {"pixels": np.ones((2, 9, 8, 1), np.float32)}, {}, "INVALID_ARGUMENT", "expected [?,8,8,1]"),
    ("conv", {"pixels": np.ones((), np.float32)}, {}, "INVALID_ARGUMENT", "has shape []"),
    ("conv", {"pixels": IMAGE.astype(np.uint8)}, {}, "INVALID_ARGUMENT", "is uint8; expected float"),
    ("conv", {"image": IMAGE}, {}, "INVALID_ARGUMENT", "Signature input alias: pixels(feed name: "),
    ("half", {"x": ROWS, "z": ROWS}, {}, "INVALID_ARGUMENT", "Sent extra: {z}"),
    ("half", {"x": ROWS}, {"outputs": ["z"]}, "INVALID_ARGUMENT", "output tensor alias not found in signature: z"),
    ("half", {"x": ROWS}, {"signature": "s"}, "FAILED_PRECONDITION", 'Serving signature key "s" not found.'),
    ("half", {"x": ROWS}, {"version": 9}, "NOT_FOUND", "Servable not found for request: Specific(half, 9)"),
    ("echo", {"inputs": ROWS}, {}, "INVALID_ARGUMENT", "is float; expected string"),
]


@pytest.mark.parametrize(("model", "inputs", "spec", "code", "text"), ERRORS)
def test_wrong_input_is_an_error_of_its_caller_and_of_nobody_else(
    lite: Backend, model: str, inputs: dict[str, Any], spec: dict[str, Any], code: str, text: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        lite.predict(model, inputs, **spec)
    got, said = status_of(error.value)
    assert (got, text in said) == (code, True), said
    assert _offset(lite, "half") == 2


def test_many_callers_at_once_get_their_own_answers(lite: Backend) -> None:
    def call(number: int) -> bool:
        if number % 7 == 0:
            with pytest.raises(grpc.RpcError):
                lite.predict("conv", {"pixels": IMAGE[0]})
        x = np.full((number % 5 + 1, 2), number, np.float32)
        return bool((lite.predict("half", {"x": x})["y"] == x / 2 + 2).all())

    with ThreadPoolExecutor(8) as callers:
        assert all(callers.map(call, range(200)))


def test_strings_travel_whole(lite: Backend) -> None:
    sent = np.array([b"ab", b"", b"\0\xff\0"], object)
    assert lite.predict("echo", {"inputs": sent})["column"].tolist() == [[value] for value in sent]


def test_classify_and_regress_work_on_a_model_that_takes_examples(lite: Backend) -> None:
    classify, regress = classification_pb2.ClassificationRequest(), regression_pb2.RegressionRequest()
    classify.model_spec.name = regress.model_spec.name = "judge"
    regress.model_spec.signature_name = "regress"
    for message in (classify, regress):
        message.input.example_list.examples.extend([tf.train.Example(), tf.train.Example()])
    got = lite.prediction.Classify(classify, timeout=CALL_S).result.classifications
    assert [[entry.score for entry in row.classes] for row in got] == [[0.25, 0.75]] * 2
    values = lite.prediction.Regress(regress, timeout=CALL_S).result.regressions
    assert [entry.value for entry in values] == [0.5, 0.5]
    classify.model_spec.name = "half"
    with pytest.raises(grpc.RpcError) as error:
        lite.prediction.Classify(classify, timeout=CALL_S)
    assert status_of(error.value)[0] == "INVALID_ARGUMENT"


def test_warm_up_is_replayed_and_a_failing_record_fails_the_load(lite: Backend, root: Path) -> None:
    write_warmup(litemodels.write(root / "warm/1", litemodels.half(1.0)), 1.0, rows=2, columns=2)
    lite.reload(_config(root, model_config("warm", root / "warm")))
    assert f"{root}/warm/1: 1 warm-up records replayed" in lite.log()
    broken = root / "broken"
    write_warmup(litemodels.write(broken, litemodels.half(2.0)), 1.0, columns=3)
    broken.rename(root / "warm/2")
    lite.wait_states("warm", {2: "END", 1: "AVAILABLE"})
    assert "has shape [1,3]; expected [?,2]" in _end_of(lite, "warm", 2)


def test_a_file_that_cannot_be_served_ends_with_its_error_and_disturbs_nothing(lite: Backend, root: Path) -> None:
    litemodels.write(root / "bad/1", litemodels.half(1.0))
    lite.reload(_config(root, model_config("bad", root / "bad")))
    litemodels.write(root / "2", b"these bytes are no model").rename(root / "bad/2")
    lite.wait_states("bad", {2: "END", 1: "AVAILABLE"})
    assert f"{root}/bad/2/model.tflite: Cannot build FlatBufferModel from buffer." in _end_of(lite, "bad", 2)
    assert _offset(lite, "bad") == 1


def test_unloading_frees_the_memory(lite: Backend, root: Path) -> None:
    process = psutil.Process(lite.process.pid)
    litemodels.write(root / "large/1", litemodels.large())
    loaded_bytes, freed_bytes = [], []
    for _ in range(3):
        lite.reload(_config(root, model_config("large", root / "large")))
        assert lite.predict("large", {"x": np.ones((2, 2048), np.float32)})["y"].shape == (2, 2048)
        loaded_bytes.append(process.memory_info().rss)
        lite.reload(_config(root))
        lite.wait_states("large", {1: "END"})
        freed_bytes.append(process.memory_info().rss)
    # The file and two interpreters' weights, 16 MiB each, at the least.
    assert loaded_bytes[-1] - freed_bytes[-1] > 40 * 2**20
    assert freed_bytes[-1] - freed_bytes[0] < 16 * 2**20
