"""Wrong input: one clear error, exit status 2, no traceback, nothing published and nothing disturbed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from export.command import command
from tests.integration.export import models

pytestmark = pytest.mark.slow


def run(model: Path, out: Path, *arguments: str) -> Result:
    return CliRunner().invoke(command, [str(model), "--name", "m", "--out", str(out), *arguments])


def refused(result: Result, out: Path) -> str:
    """Check the promises common to all refusals; return the message."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    assert result.stderr.count("error: ") == 1
    assert not (out / "m").exists() or not [p for p in (out / "m").iterdir() if p.name != ".tidegate.lock"]
    return result.stderr.split("error: ", 1)[1]


@pytest.fixture(name="good", scope="module")
def _good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("good") / "m.keras"
    models.sequential().save(path)
    return path


def test_a_missing_model_file(tmp_path: Path) -> None:
    assert "no such file or folder" in refused(run(tmp_path / "none.keras", tmp_path / "out"), tmp_path / "out")


def test_a_file_of_another_kind(tmp_path: Path) -> None:
    (tmp_path / "m.onnx").write_bytes(b"onnx")
    assert ".onnx is no model format known here" in refused(run(tmp_path / "m.onnx", tmp_path / "o"), tmp_path / "o")


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_file_that_is_not_what_it_says(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"m{suffix}"
    path.write_bytes(b"not a model at all" * 100)
    assert "damaged or not a" in refused(run(path, tmp_path / "out"), tmp_path / "out")


@pytest.mark.parametrize("keep", [0.5, 0.98])
def test_a_truncated_keras_file(keep: float, good: Path, tmp_path: Path) -> None:
    content = good.read_bytes()
    path = tmp_path / "cut.keras"
    path.write_bytes(content[: int(len(content) * keep)])
    assert "damaged" in refused(run(path, tmp_path / "out"), tmp_path / "out")


def test_a_keras_file_with_a_flipped_byte_in_its_weights(good: Path, tmp_path: Path) -> None:
    content = bytearray(good.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path = tmp_path / "flipped.keras"
    path.write_bytes(content)
    assert "damaged" in refused(run(path, tmp_path / "out"), tmp_path / "out")


@pytest.mark.parametrize("damage", ["no graph", "half a graph", "no variables"])
def test_a_half_written_saved_model(damage: str, tmp_path: Path) -> None:
    saved = tmp_path / "saved"
    models.sequential().export(saved, verbose=False)
    graph = saved / "saved_model.pb"
    if damage == "no graph":
        graph.unlink()
    elif damage == "half a graph":
        graph.write_bytes(graph.read_bytes()[: graph.stat().st_size // 2])
    else:
        for path in (saved / "variables").iterdir():
            path.unlink()
    message = refused(run(saved, tmp_path / "out"), tmp_path / "out")
    assert any(words in message for words in ("no SavedModel", "damaged"))


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_model_that_carries_code_needs_trust(suffix: str, tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input((4,)), keras.layers.Lambda(lambda x: x * 2), keras.layers.Dense(2)])
    path = tmp_path / f"m{suffix}"
    model.save(path)
    assert "pass --trust-model-code" in refused(run(path, tmp_path / "out"), tmp_path / "out")
    assert run(path, tmp_path / "out", "--trust-model-code").exit_code == 0


def test_a_saved_model_that_reads_files_needs_trust(tmp_path: Path) -> None:
    import tensorflow as tf

    def read(path: Any) -> dict[str, Any]:
        return {"text": tf.map_fn(tf.io.read_file, path)}

    function = tf.function(read, input_signature=[tf.TensorSpec([None], tf.string, name="path")])
    tf.saved_model.save(tf.Module(), str(tmp_path / "saved"), signatures={"serving_default": function})
    message = refused(run(tmp_path / "saved", tmp_path / "out"), tmp_path / "out")
    assert "reaches outside itself (ReadFile)" in message


def test_a_fixed_batch_dimension(tmp_path: Path) -> None:
    import keras

    model = keras.Sequential([keras.Input(batch_shape=(8, 4), name="x"), keras.layers.Dense(2, name="y")])
    model.save(tmp_path / "m.keras")
    message = refused(run(tmp_path / "m.keras", tmp_path / "out"), tmp_path / "out")
    assert "the batch dimension is fixed at 8; leave it open" in message


def test_rows_that_depend_on_each_other(tmp_path: Path) -> None:
    import keras

    x = keras.Input((4,), name="x")
    model = keras.Model(x, keras.layers.Softmax(axis=0, name="shares")(x))
    model.save(tmp_path / "m.keras")
    message = refused(run(tmp_path / "m.keras", tmp_path / "out"), tmp_path / "out")
    assert "would change each other's answers" in message


def test_answers_drawn_at_random(tmp_path: Path) -> None:
    import tensorflow as tf

    def noisy(x: Any) -> dict[str, Any]:
        return {"y": x + tf.random.normal(tf.shape(x))}

    function = tf.function(noisy, input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    tf.saved_model.save(tf.Module(), str(tmp_path / "saved"), signatures={"serving_default": function})
    message = refused(run(tmp_path / "saved", tmp_path / "out"), tmp_path / "out")
    assert "draws random numbers when it serves (RandomStandardNormal)" in message


def test_weights_that_are_not_numbers(tmp_path: Path) -> None:
    model = models.sequential()
    model.layers[0].kernel.assign(np.full((12, 32), np.nan, "float32"))
    model.save(tmp_path / "m.keras")
    message = refused(run(tmp_path / "m.keras", tmp_path / "out"), tmp_path / "out")
    assert "weights are not finite numbers" in message and "kernel" in message


def test_a_spec_with_mistakes_is_refused_before_any_work(good: Path, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text("signatures: {s: {inputs: {photo: {for: features, stepps: [], steps: [{scale: {bye: 2}}]}}}}")
    result = run(good, tmp_path / "out", "--preprocess", str(spec))
    message = refused(result, tmp_path / "out")
    assert "3 problems" in message and 'stepps: unknown key; did you mean "steps"?' in message
    assert "Loading" not in result.stderr


def test_a_spec_that_does_not_fit_the_model(good: Path, tmp_path: Path) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(
        "signatures: {s: {inputs: {photo: {for: features,"
        " steps: [{decode_image: {channels: 1}}, {resize: {height: 3, width: 4}}]}}}}"
    )
    message = refused(run(good, tmp_path / "out", "--preprocess", str(spec)), tmp_path / "out")
    assert "end with float32 (?, 3, 4, 1); the model's input 'features' is float32 (?, 12)" in message


def test_a_function_without_trust(tmp_path: Path) -> None:
    message = refused(run(Path("tidegate_test_nets:make"), tmp_path / "out"), tmp_path / "out")
    assert "pass --trust-model-code" in message


def test_data_that_does_not_fit(good: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x_train=np.zeros((2, 3)), y_train=np.array([0, 9]), x_test=np.zeros((2, 12)))
    message = refused(run(good, tmp_path / "out", "--data", str(tmp_path / "d.npz")), tmp_path / "out")
    assert "3 problems" in message
    assert "x_train: shape (2, 3)" in message and "classes 0..9" in message and "y_test is missing" in message


def test_several_wrong_options(good: Path, tmp_path: Path) -> None:
    result = run(good, tmp_path / "out", "--version", "0", "--prune", "structured:2", "--allowed-batch-sizes", "8,4")
    assert "4 problems" in refused(result, tmp_path / "out")


def test_a_model_name_that_leaves_the_folder(good: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(command, [str(good), "--name", "../m", "--out", str(tmp_path / "out")])
    assert result.exit_code == 2 and "A-Z a-z 0-9 . _ - only" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == []


def test_an_existing_version_is_refused_before_any_work(good: Path, tmp_path: Path) -> None:
    version_dir = tmp_path / "out" / "m" / "3"
    version_dir.mkdir(parents=True)
    result = run(good, tmp_path / "out", "--version", "3")
    assert result.exit_code == 2 and "version 3 exists and was left as it is" in result.stderr
    assert "Loading" not in result.stderr
    assert list(version_dir.iterdir()) == []


def test_a_models_config_that_cannot_be_read_stops_the_export(good: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "models.config").write_text("model_config_list { confg {} }")
    assert "not a ModelServerConfig" in refused(run(good, out), out)
    assert (out / "models.config").read_text() == "model_config_list { confg {} }"


def test_an_output_folder_that_is_a_file(good: Path, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    result = run(good, tmp_path / "out")
    assert result.exit_code == 2 and "error: " in result.stderr and "Traceback" not in result.stderr
    assert (tmp_path / "out").read_text() == "mine"
