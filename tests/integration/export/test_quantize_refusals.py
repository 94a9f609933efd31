"""What can't be quantized is refused in one error that names the cause; nothing is left in the version's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.errors import UnsupportedVariantError
from export.options import Precision
from export.quantize.child import convert_in_child
from export.quantize.runtime import ServedTFLite
from export.quantize.worker import Job, convert
from export.quantize.write import write_quantized
from export.sample import sample_rows
from export.servable import Servable, servable_from_keras
from export.serving import open_served
from export.signature import read_signature
from export.writer import write_saved_model
from tests.integration.export import models

pytestmark = pytest.mark.slow


def written(model: Any, folder: Path) -> Servable:
    servable = servable_from_keras(model)
    write_saved_model(servable, folder)
    return servable


def dense_model(shape: tuple[int | None, ...], middle: Callable[[Any], Any]) -> Any:
    import keras

    start = keras.Input(shape, name="x")
    return keras.Model(start, keras.layers.Dense(3, name="scores")(middle(start)))


def test_an_operation_that_tflite_lacks_is_named_by_a_child_that_ends(tmp_path: Path) -> None:
    import keras

    model = dense_model((6,), lambda x: keras.ops.erfinv(keras.ops.tanh(x) * 0.5))
    servable = written(model, tmp_path / "float32")
    with pytest.raises(UnsupportedVariantError, match=r"no operation for Erfinv.*Flex.*SavedModel precision"):
        write_quantized(Precision.TFLITE_DYNAMIC, servable, tmp_path / "float32", tmp_path / "1", None, model)
    assert not (tmp_path / "1").exists()


def test_a_quantizer_that_crashes_takes_only_its_own_process_with_it(tmp_path: Path) -> None:
    """The loop of a recurrent layer is what TensorFlow 2.21's int8 quantizer dies of."""
    import keras

    model = dense_model((5, 4), keras.layers.GRU(8))
    servable = written(model, tmp_path / "float32")
    job = Job(tmp_path / "float32", Precision.INT8, sample_rows(servable.signature, 8, None))
    with pytest.raises(UnsupportedVariantError, match=r"int8: TensorFlow's converter crashed \(SIG[A-Z]+\)"):
        convert_in_child(job, tmp_path)


def test_a_loop_of_open_length_is_refused_by_its_layers_name(tmp_path: Path) -> None:
    import keras

    model = dense_model((None, 4), keras.layers.GRU(8, name="memory"))
    servable = written(model, tmp_path / "float32")
    with pytest.raises(UnsupportedVariantError, match=r"layer memory: its number of time steps is open.*bfloat16"):
        write_quantized(Precision.TFLITE_INT8, servable, tmp_path / "float32", tmp_path / "1", None, model, convert)


def test_a_model_that_tflite_cant_lay_out_as_the_file_says_is_refused(tmp_path: Path) -> None:
    """TensorFlow Serving lays an open length out as 1, too short for a kernel of 3."""
    import keras

    layers = keras.layers
    model = dense_model((None, 4), lambda x: layers.GlobalAveragePooling1D()(layers.Conv1D(8, 3)(x)))
    servable = written(model, tmp_path / "float32")
    with pytest.raises(UnsupportedVariantError, match="Fix dimensions other than the batch"):
        write_quantized(Precision.TFLITE_FLOAT16, servable, tmp_path / "float32", tmp_path / "1", None, model, convert)


def test_two_outputs_that_are_one_tensor_are_refused(tmp_path: Path) -> None:
    import keras

    start = keras.Input((4,), name="x")
    scores = keras.layers.Dense(3)(start)
    model = keras.Model(start, {"first": scores, "second": scores})
    servable = written(model, tmp_path / "float32")
    with pytest.raises(UnsupportedVariantError, match="outputs 'first' and 'second' are one tensor"):
        write_quantized(Precision.TFLITE_FLOAT16, servable, tmp_path / "float32", tmp_path / "1", None, model, convert)


def test_inputs_of_other_rows_in_between_are_no_trouble_only_because_they_are_tied(tmp_path: Path) -> None:
    """What TensorFlow Serving does to a model of two inputs, with and without what we write around it."""
    from export.quantize.signing import signed

    model = models.two_inputs()
    servable = written(model, tmp_path / "float32")
    convert(Job(tmp_path / "float32", Precision.TFLITE_FLOAT16, None), tmp_path)
    (tmp_path / "untied").mkdir()
    untied = signed((tmp_path / "converted.tflite").read_bytes(), servable.signature)
    (tmp_path / "untied" / "model.tflite").write_bytes(untied)
    write_quantized(Precision.TFLITE_FLOAT16, servable, tmp_path / "float32", tmp_path / "1", None, model, convert)
    rows = sample_rows(servable.signature, 3, None)
    with ServedTFLite(tmp_path / "untied") as served, pytest.raises(RuntimeError):
        served.predict(rows)
    with open_served(tmp_path / "1") as served_tied, open_served(tmp_path / "float32") as float32:
        np.testing.assert_allclose(served_tied.predict(rows)["segment"], float32.predict(rows)["segment"], atol=1e-2)


def test_a_tflite_version_refuses_wrong_shapes_dtypes_and_signatures_before_the_interpreter(tmp_path: Path) -> None:
    model = models.sequential()
    servable = written(model, tmp_path / "float32")
    write_quantized(Precision.TFLITE_DYNAMIC, servable, tmp_path / "float32", tmp_path / "1", None, model, convert)
    good = np.zeros((2, 12), "float32")
    with open_served(tmp_path / "1") as served:
        with pytest.raises(ValueError, match="input 'features': shape"):
            served.predict({"features": good[:, :5]})
        with pytest.raises(ValueError, match="dtype float64 isn't float32"):
            served.predict({"features": good.astype("float64")})
        with pytest.raises(ValueError, match=r"'decoded'.*'serving_default' alone"):
            served.predict({"features": good}, "decoded")
        run, values = served.prepared({"features": good})
        np.testing.assert_array_equal(run(*values)[0], served.predict({"features": good})["scores"])


def test_the_flatbuffers_own_signature_names_the_same_aliases(tmp_path: Path) -> None:
    from ai_edge_litert.interpreter import Interpreter

    model = models.two_inputs()
    servable = written(model, tmp_path / "float32")
    write_quantized(Precision.TFLITE_DYNAMIC, servable, tmp_path / "float32", tmp_path / "1", None, model, convert)
    own = Interpreter(model_path=str(tmp_path / "1" / "model.tflite")).get_signature_list()["serving_default"]
    signature = read_signature(tmp_path / "1")
    assert sorted(own["inputs"]) == sorted(signature.inputs)
    assert sorted(own["outputs"]) == sorted(signature.outputs)
