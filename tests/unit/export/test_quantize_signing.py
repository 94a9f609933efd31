"""The signature put into a TensorFlow Lite model is read back the same, without TensorFlow; damage is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from export.errors import UnsupportedVariantError
from export.quantize.signing import METADATA_NAME, read_signed, refuse_edges, signed
from export.signature import Signature, TensorInfo, is_tflite_version, read_signature

SIGNATURE = Signature(
    {"image": TensorInfo("uint8", (None, 8, 200, 3)), "age": TensorInfo("float32", (None, 1))},
    {"scores": TensorInfo("float32", (None, None, 4)), "ids": TensorInfo("int64", (None,))},
)


def tensor(name: str) -> schema.TensorT:
    made = schema.TensorT()
    made.name, made.shape, made.buffer = name, [1, 1], 0
    return made


def mapped(names: dict[str, int]) -> list[schema.TensorMapT]:
    maps = []
    for alias, index in names.items():
        entry = schema.TensorMapT()
        entry.name, entry.tensorIndex = alias, index
        maps.append(entry)
    return maps


def flatbuffer(inputs: dict[str, int], outputs: dict[str, int]) -> bytes:
    """A model of tensors without operations, with the converter's kind of signature."""
    graph = schema.SubGraphT()
    graph.tensors = [tensor(f"StatefulPartitionedCall:{index}") for index in range(4)]
    graph.inputs, graph.outputs, graph.operators = list(inputs.values()), list(outputs.values()), []
    own = schema.SignatureDefT()
    own.inputs, own.outputs, own.signatureKey, own.subgraphIndex = mapped(inputs), mapped(outputs), "serving_default", 0
    model = schema.ModelT()
    model.version, model.subgraphs, model.signatureDefs = 3, [graph], [own]
    model.buffers, model.operatorCodes = [schema.BufferT()], []
    return bytes(flatbuffer_utils.convert_object_to_bytearray(model))


def model() -> bytes:
    return flatbuffer({"age": 0, "image": 1}, {"scores": 2, "ids": 3})


def test_a_signature_survives_the_way_into_the_file_and_back() -> None:
    assert read_signed(signed(model(), SIGNATURE)) == SIGNATURE


def test_signing_again_replaces_the_signature() -> None:
    other = Signature(SIGNATURE.inputs, {"scores": TensorInfo("float32", (None, 4)), "ids": SIGNATURE.outputs["ids"]})
    twice = signed(signed(model(), SIGNATURE), other)
    assert read_signed(twice) == other
    names = [entry.name for entry in flatbuffer_utils.read_model_from_bytearray(bytearray(twice)).metadata]
    assert names == [METADATA_NAME.encode()]


def test_tensors_are_called_by_their_aliases() -> None:
    read = flatbuffer_utils.read_model_from_bytearray(bytearray(signed(model(), SIGNATURE)))
    assert [one.name for one in read.subgraphs[0].tensors] == [b"age", b"image", b"scores", b"ids"]


def test_two_outputs_of_one_tensor_are_refused() -> None:
    twins = flatbuffer({"age": 0, "image": 1}, {"scores": 2, "ids": 2})
    with pytest.raises(UnsupportedVariantError, match="outputs 'ids' and 'scores' are one tensor"):
        signed(twins, SIGNATURE)


def test_an_empty_dimension_is_refused_since_the_server_would_cut_the_signature_there() -> None:
    empty = Signature(SIGNATURE.inputs, {"scores": TensorInfo("float32", (None, 0)), "ids": SIGNATURE.outputs["ids"]})
    with pytest.raises(UnsupportedVariantError, match="dimension of 0"):
        signed(model(), empty)


def test_dtypes_that_the_server_cant_carry_are_all_named() -> None:
    bad = Signature({"word": TensorInfo("string", (None, 1))}, {"p": TensorInfo("float16", (None, 2))})
    with pytest.raises(UnsupportedVariantError, match=r"input 'word' is string; output 'p' is float16"):
        refuse_edges(bad)
    refuse_edges(SIGNATURE)


def test_a_version_is_read_without_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(signed(model(), SIGNATURE))
    assert is_tflite_version(tmp_path)
    program = (
        "import sys, pathlib; from export.signature import read_signature; "
        f"read_signature(pathlib.Path({str(tmp_path)!r})); sys.exit('tensorflow' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False, cwd=Path(__file__).parents[3]).returncode == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "isn't a TensorFlow Lite model"),
        (b"no flatbuffer at all, but long enough", "isn't a TensorFlow Lite model"),
        (model(), f"no metadata {METADATA_NAME!r}"),
        (signed(model(), SIGNATURE)[:60], "damaged|no metadata"),
    ],
)
def test_a_file_that_cant_be_read_is_named(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "model.tflite").write_bytes(content)
    with pytest.raises(ValueError, match=f"model.tflite.*({said})"):
        read_signature(tmp_path)
