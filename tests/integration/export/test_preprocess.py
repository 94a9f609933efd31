"""Preprocessing in the graph: raw values in, the model's answer out, each row as if it were alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from export.errors import UnservableModelError
from export.options import Precision
from export.preprocess.graph import preprocessing
from export.preprocess.prepared import Preprocess
from export.preprocess.spec import load_spec
from export.preprocess.verify import verify_preprocess
from export.runtime import ServedModel
from export.servable import Servable, servable_from_keras
from export.warmup import WARMUP_PATH, replay_warmup, write_warmup
from export.writer import write_saved_model

pytestmark = pytest.mark.slow
EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "preprocess.yaml"


def clinic() -> Any:
    """The model that docs/examples/preprocess.yaml speaks of, with weights that outweigh any graph."""
    import keras
    from keras import layers

    image = keras.Input((32, 32, 1), name="image")
    place = keras.Input((1,), dtype="int32", name="place")
    x = layers.Dense(300, activation="relu")(layers.Flatten()(layers.Conv2D(8, 3)(image)))
    x = layers.Concatenate()([x, layers.Flatten()(layers.Embedding(4, 300)(place))])
    return keras.Model([image, place], layers.Dense(3, activation="softmax", name="scores")(x), name="clinic")


@dataclasses.dataclass(frozen=True)
class Written:
    """The example, written once for all tests of this file."""

    model: Any
    servable: Servable
    preprocess: Mapping[str, Preprocess]
    folder: Path


@pytest.fixture(name="written", scope="module")
def _written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    model, folder = clinic(), tmp_path_factory.mktemp("clinic")
    servable = servable_from_keras(model)
    preprocess = preprocessing(load_spec(EXAMPLE, servable.signature), servable.signature)
    assert write_saved_model(servable, folder, preprocess)
    return Written(model, servable, preprocess, folder)


def png(pixels: Any) -> bytes:
    import tensorflow as tf

    return bytes(tf.io.encode_png(pixels).numpy())


def test_an_encoded_image_is_answered_as_its_pixels_are(written: Written) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (3, 32, 32, 1)).astype("uint8")
    place = np.array([[1], [0], [3]], "int32")
    photos = np.array([png(one) for one in pixels], object)
    with ServedModel(written.folder) as served:
        answer = served.predict({"photo": photos, "place": place}, "from_images")["scores"]
    expected = written.model.predict([(pixels / 255 - 0.5) / 0.25, place], verbose=0)
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_words_are_answered_as_their_indices_are(written: Written) -> None:
    pixels = np.full((4, 64, 48), 128, "uint8")
    words = np.array([["ward"], ["home"], ["garden"], ["theatre"]], object)
    with ServedModel(written.folder) as served:
        answer = served.predict({"pixels": pixels, "place_name": words}, "from_records")["scores"]
    image = np.full((4, 32, 32, 1), (128 / 255 - 0.5) / 0.25, "float32")
    expected = written.model.predict([image, np.array([[1], [3], [0], [2]], "int32")], verbose=0)
    np.testing.assert_allclose(answer, expected, atol=1e-5)


def test_bytes_that_are_no_image_fail_their_call_and_no_other(written: Written) -> None:
    import tensorflow as tf

    good = png(np.zeros((5, 9, 3), "uint8"))
    place = np.array([[1], [1]], "int32")
    with ServedModel(written.folder) as served:
        for bad in (b"", b"no image", good[: len(good) // 2]):
            with pytest.raises(tf.errors.InvalidArgumentError):
                served.predict({"photo": np.array([good, bad], object), "place": place}, "from_images")
        answer = served.predict({"photo": np.array([good, good], object), "place": place}, "from_images")
    assert answer["scores"].shape == (2, 3)


def test_the_example_keeps_every_promise_and_its_weights_once(written: Written) -> None:
    verify_preprocess(written.folder, written.servable, written.preprocess)
    size = sum(path.stat().st_size for path in written.folder.rglob("*") if path.is_file())
    assert 4 * written.model.count_params() < size < 4 * written.model.count_params() + 150_000


def test_each_signature_is_warmed_up_at_each_size_with_values_that_are_answered(written: Written) -> None:
    import tensorflow as tf
    from tensorflow_serving.apis import prediction_log_pb2

    assert write_warmup(written.folder, "clinic", (1, 3), None, written.preprocess) == 6
    assert replay_warmup(written.folder) == [1, 3]
    raw = tf.data.TFRecordDataset(str(written.folder / WARMUP_PATH)).as_numpy_iterator()
    requests = [prediction_log_pb2.PredictionLog.FromString(one).predict_log.request for one in raw]
    called = [request.model_spec.signature_name for request in requests]
    assert called == ["serving_default", "from_images", "from_records"] * 2
    photos = tf.make_ndarray(requests[4].inputs["photo"])
    assert [one[:4] for one in photos] == [b"\x89PNG", b"\xff\xd8\xff\xe0", b"\x89PNG"]
    words = set(tf.make_ndarray(requests[5].inputs["place_name"]).ravel())
    assert words <= {b"ward", b"theatre", b"home"}


def test_a_model_that_keeps_its_tables_has_its_weights_once_too(tmp_path: Path) -> None:
    import keras
    from keras import layers

    word = keras.Input((1,), dtype="string", name="word")
    image = keras.Input((32, 32, 1), name="image")
    x = layers.Flatten()(layers.Embedding(3, 8)(layers.StringLookup(vocabulary=["red", "green"])(word)))
    x = layers.Dense(300)(layers.Concatenate()([x, layers.Flatten()(image)]))
    model = keras.Model([word, image], x)
    servable = servable_from_keras(model)
    (tmp_path / "spec.yaml").write_text(
        "signatures: {s: {inputs: {photo: {for: image, steps: [{decode_image: {channels: 1}},"
        " {resize: {height: 32, width: 32}}]}}}}"
    )
    preprocess = preprocessing(load_spec(tmp_path / "spec.yaml", servable.signature), servable.signature)
    folder = tmp_path / "1"
    assert not write_saved_model(servable, folder, preprocess)
    words = np.array([["red"], ["green"], ["blue"]], object)
    verify_preprocess(
        folder, servable, preprocess, Precision.FLOAT32, {"word": words, "image": np.ones((3, 32, 32, 1))}
    )
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 4 * model.count_params() + 150_000


def test_preparation_that_mixes_rows_is_refused(written: Written) -> None:
    import tensorflow as tf

    extra = written.preprocess["from_images"]

    def mixed(raw: Mapping[str, Any]) -> dict[str, Any]:
        made = extra.prepare(raw)
        return {**made, "image": made["image"] - tf.reduce_max(made["image"], axis=0)}

    folder = written.folder / "mixed"
    bad = {"from_images": dataclasses.replace(extra, prepare=mixed)}
    write_saved_model(written.servable, folder, bad)
    with pytest.raises(UnservableModelError, match="signature 'from_images': output 'scores': rows together differ"):
        verify_preprocess(folder, written.servable, bad)


def test_a_written_signature_that_prepares_otherwise_is_refused(written: Written) -> None:
    extra = written.preprocess["from_images"]

    def other(raw: Mapping[str, Any]) -> dict[str, Any]:
        made = extra.prepare(raw)
        return {**made, "image": made["image"] * 3}

    wrong = {"from_images": dataclasses.replace(extra, prepare=other)}
    with pytest.raises(UnservableModelError, match="from what the model answers on prepared inputs"):
        verify_preprocess(written.folder, written.servable, wrong)


def test_a_model_of_coarse_arithmetic_is_held_to_it_with_prepared_inputs_too(written: Written) -> None:
    extra = written.preprocess["from_images"]

    def near(raw: Mapping[str, Any]) -> dict[str, Any]:
        made = extra.prepare(raw)
        return {**made, "image": made["image"] * 1.01}

    bent = {"from_images": dataclasses.replace(extra, prepare=near)}
    with pytest.raises(UnservableModelError, match="from what the model answers on prepared inputs"):
        verify_preprocess(written.folder, written.servable, bent)
    coarse = dataclasses.replace(written.servable, arithmetic=Precision.BFLOAT16)
    verify_preprocess(written.folder, coarse, bent)
