"""A spec says what callers send and how it becomes the model's inputs; every mistake in it is told, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from export.errors import BadPreprocessError
from export.preprocess.spec import MAX_FILE_BYTES, PreparedInput, load_spec, read_spec
from export.signature import Signature, TensorInfo

MODEL = Signature(
    {"image": TensorInfo("float32", (None, 32, 32, 1)), "place": TensorInfo("int32", (None, 1))},
    {"scores": TensorInfo("float32", (None, 3))},
)
EXAMPLE = Path(__file__).parents[4] / "docs" / "examples" / "preprocess.yaml"


def load(tmp_path: Path, text: str, model: Signature = MODEL) -> dict[str, PreparedInput]:
    """Load a spec of one signature; return its inputs."""
    (tmp_path / "spec.yaml").write_text(text)
    [inputs] = load_spec(tmp_path / "spec.yaml", model).signatures.values()
    return dict(inputs)


def problems(tmp_path: Path, text: str, model: Signature = MODEL) -> list[str]:
    """Load a spec that is refused; return its problems without the path."""
    with pytest.raises(BadPreprocessError) as caught:
        load(tmp_path, text, model)
    lines = str(caught.value).splitlines()
    if len(lines) == 1:
        return [lines[0].removeprefix(f"{tmp_path / 'spec.yaml'}: ")]
    assert lines[0] == f"{tmp_path / 'spec.yaml'}: {len(lines) - 1} problems"
    return [line.strip() for line in lines[1:]]


def one(steps: str, head: str = "for: image") -> str:
    """A spec of one input `raw` with these steps, as a YAML flow list."""
    return f"signatures:\n  s:\n    inputs:\n      raw: {{{head}, steps: [{steps}]}}\n"


def test_the_shipped_example_says_what_callers_send() -> None:
    signatures = load_spec(EXAMPLE, MODEL).signatures
    assert {name: {alias: str(one.raw) for alias, one in inputs.items()} for name, inputs in signatures.items()} == {
        "from_images": {"photo": "string (?)"},
        "from_records": {"pixels": "uint8 (?, 64, 48)", "place_name": "string (?, 1)"},
    }


def test_an_input_named_as_the_models_needs_no_for(tmp_path: Path) -> None:
    text = "signatures: {s: {inputs: {image: {dtype: uint8, steps: [{scale: {by: 2}}]}}}}"
    assert load(tmp_path, text)["image"].target == "image"


def test_unknown_keys_come_with_the_nearest_known_one(tmp_path: Path) -> None:
    text = one("{decode_image: {chanels: 1}}, {resise: {height: 3, width: 3}}", "fro: image")
    assert sorted(problems(tmp_path, text)) == [
        'signatures.s.inputs.raw.fro: unknown key; did you mean "for"?',
        'signatures.s.inputs.raw.steps[0].decode_image.chanels: unknown key; did you mean "channels"?',
        "signatures.s.inputs.raw.steps[0].decode_image.channels: is missing",
        'signatures.s.inputs.raw.steps[1].resise: unknown key; did you mean "resize"?',
    ]


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("{scale: {by: '2'}}", "steps[0].scale.by: got '2'; input should be a valid number"),
        ("{scale: {by: .nan}}", "steps[0].scale.by"),
        ("{resize: {height: 0, width: 4}}", "greater than or equal to 1"),
        ("{resize: {height: 4}}", "wants height and width, or shorter_side alone"),
        ("{resize: {height: 4, width: 4, shorter_side: 4}}", "wants height and width, or shorter_side alone"),
        ("{resize: {shorter_side: 4, fit: crop}}", "after shorter_side use crop_or_pad"),
        ("{resize: {height: 4, width: 4, method: area, antialias: true}}", "antialias has no meaning for method area"),
        ("{resize: {height: 4, width: 4, method: cubic}}", "got 'cubic'"),
        ("{normalise: {mean: 1, std: 0}}", "must be more than 0"),
        ("{decode_image: {channels: 2}}", "got 2"),
        ("{scale: {by: 1}, cast: {dtype: uint8}}", "a step has one key, got 2: cast, scale"),
        ("{reverse_channels: }", "wants its keys, or {} where it has none"),
        ("scale", "got 'scale', wanted keys and values"),
        ("{look_up: {}}", "wants vocabulary or file, one of them"),
        ("{look_up: {vocabulary: [a, 1]}}", "all texts or all whole numbers"),
        ("{look_up: {vocabulary: [a, true]}}", "put quotes around"),
        ("{look_up: {vocabulary: [a], entries: texts}}", "entries goes with file"),
        ("", "at least 1 item"),
    ],
)
def test_a_value_that_makes_no_sense_is_refused_with_its_place(steps: str, said: str, tmp_path: Path) -> None:
    [problem] = problems(tmp_path, one(steps))
    assert problem.startswith("signatures.s.inputs.raw.steps") and said in problem


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ("{scale: {by: 1}}, {decode_image: {channels: 1}}", "steps[1].decode_image: takes one text of bytes a row"),
        ("{decode_image: {channels: 1}}", "images of different sizes, which can't share a batch"),
        ("{decode_image: {channels: 1}}, {resize: {shorter_side: 32}}", "images of different sizes"),
        ("{decode_image: {channels: 3}}, {resize: {height: 32, width: 32}}", "end with float32 (?, 32, 32, 3)"),
        ("{decode_image: {channels: 1}}, {crop_or_pad: {height: 32, width: 32}}", "add cast: {dtype: float32}"),
        ("{decode_image: {channels: 1}}, {reshape: {shape: [1024]}}", "wants a known size"),
        ("{reshape: {shape: [1000]}}", "[1000] holds 1000 values, and 1024 come to it"),
        ("{expand_dims: {axis: 5}}", "axis 5 isn't there; float32 (32, 32, 1) takes -4 to 3"),
        ("{normalise: {mean: [1, 2, 3], std: 1}}", "mean has 3 numbers; the last axis has 1 channels"),
        (
            "{look_up: {vocabulary: [a, b]}}, {scale: {by: 1}}, {look_up: {vocabulary: [a]}}",
            "its vocabulary holds texts",
        ),
        ("{cast: {dtype: bool}}, {scale: {by: 1}}", "bool comes to it; cast it first"),
        ("{expand_dims: {axis: 0}}, {resize: {height: 32, width: 32}}", "takes images (height, width, channels)"),
        ("{look_up: {vocabulary: [a, b, a]}}, {cast: {dtype: float32}}", "holds 'a' twice"),
        ("{look_up: {file: none.txt}}, {cast: {dtype: float32}}", "can't be read: No such file"),
    ],
)
def test_a_chain_that_cannot_work_is_refused_before_tensorflow_starts(steps: str, said: str, tmp_path: Path) -> None:
    found = problems(tmp_path, one(steps))
    assert said in found[0] and len(found) == 1


def test_texts_reach_no_arithmetic(tmp_path: Path) -> None:
    [problem] = problems(tmp_path, one("{scale: {by: 1}}", "for: image, dtype: string"))
    assert "takes numbers, and texts come to it" in problem


def test_all_mistakes_of_meaning_are_told_at_once(tmp_path: Path) -> None:
    text = """
signatures:
  serving_default: {inputs: {image: {steps: [{scale: {by: 1}}]}}}
  s:
    inputs:
      a: {for: imago, steps: [{scale: {by: 1}}]}
      b: {for: image, steps: [{cast: {dtype: uint8}}]}
      c: {for: place, steps: [{cast: {dtype: int32}}]}
      d: {for: place, steps: [{cast: {dtype: int32}}]}
  t:
    inputs:
      place: {for: image, steps: [{scale: {by: 1}}]}
"""
    found = "\n".join(problems(tmp_path, text))
    for said in (
        "signatures.serving_default: a signature's name",
        "inputs.a.for: the model has no input 'imago'; did you mean \"image\"?",
        "inputs.b.steps: end with uint8",
        "inputs.c.for: 'place' is made of 'd' too",
        "inputs.place: the model's own input 'place' passes through under this name",
    ):
        assert said in found
    assert len(found.splitlines()) == 6


def test_a_vocabulary_lies_beside_the_spec(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_bytes(b"ja\r\nnein\r\n")
    steps = "{look_up: {file: words.txt}}, {cast: {dtype: int32}}"
    [prepared] = load(tmp_path, one(steps, "for: place")).values()
    assert prepared.raw == TensorInfo("string", (None, 1))
    assert getattr(prepared.steps[0], "vocabulary") == ["ja", "nein"]  # noqa: B009 - a LookUp, typed as any step


def test_numbers_in_a_file_are_keys_when_the_spec_says_so(tmp_path: Path) -> None:
    (tmp_path / "ids.txt").write_text("10\n-20\n")
    steps = "{look_up: {file: ids.txt, entries: integers}}, {cast: {dtype: int32}}"
    assert load(tmp_path, one(steps, "for: place"))["raw"].raw == TensorInfo("int64", (None, 1))
    (tmp_path / "ids.txt").write_text("10\nx\n")
    assert "ids.txt, line 2: 'x' is no whole number" in problems(tmp_path, one(steps, "for: place"))[0]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "(the file): got nothing, wanted keys and values"),
        (b"signatures: {}", "at least 1 item"),
        (b"\xff\xfe", "isn't UTF-8 text"),
        (b"signatures: [", "line 1"),
        (b"a: 1\na: 2\n", "line 2, column 1: key 'a' stands here twice"),
        (b"a: &x [1]\nb: *x\n", "aliases (*name) aren't read here"),
        (b"[" * 100 + b"]" * 100, "nested deeper than"),
        (b"a: !!python/object/apply:os.getcwd []", "could not determine a constructor"),
        (b" " * (MAX_FILE_BYTES + 1), "larger than"),
    ],
)
def test_a_file_that_is_no_spec(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_bytes(content)
    with pytest.raises(BadPreprocessError) as caught:
        read_spec(tmp_path / "spec.yaml")
    assert said in str(caught.value)


def test_a_missing_file_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(BadPreprocessError, match="can't be read: No such file"):
        read_spec(tmp_path / "none.yaml")


def test_words_stay_words_and_exponents_are_numbers(tmp_path: Path) -> None:
    steps = (
        "{look_up: {vocabulary: [yes, no, on, 2020-01-01, '1', 12:30]}}, {scale: {by: 1e-3}}, {cast: {dtype: int32}}"
    )
    prepared = load(tmp_path, one(steps, "for: place"))["raw"]
    assert prepared.steps[0].model_dump()["vocabulary"] == ["yes", "no", "on", "2020-01-01", "1", "12:30"]
    assert prepared.steps[1].model_dump()["by"] == 0.001
