"""What all versions in the output folder need of their server: another's sizes, XLA and TensorFlow Lite count too."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from export.file_change import FileChange, flag_notes, larger_batch_notes, served_dir_of
from export.manifest import MANIFEST_NAME as WRITTEN_NAME
from export.options import ExportOptions, Precision, ServerFacts
from export.serving_files import planned_serving_files, prepared_serving_files, write_per_model_batching
from export.version_facts import MANIFEST_NAME
from export.version_needs import PER_MODEL_BATCHING


def version(
    out: Path, model: str, number: int, *files: str, sizes: tuple[int, ...] = (1, 64), xla: bool = False
) -> Path:
    folder = out / model / str(number)
    folder.mkdir(parents=True)
    for name in files:
        (folder / name).write_text("")
    manifest = {"variant": {"xla": xla}, "batching": {"allowed_batch_sizes": [1, 64]}}
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest))
    return folder


def options(out: Path, **changes: Any) -> ExportOptions:
    given = {"max_batch_size": 16, "allowed_batch_sizes": (1, 4, 16), "served_base_path": "/models", **changes}
    return ExportOptions(Path("m.keras"), "digits", out, **given)


def planned(asked: ExportOptions, number: int = 1) -> tuple[dict[str, str], str]:
    files = planned_serving_files(asked, number)
    return {change.path.name: change.new for change in files.changes}, "\n".join(files.notes)


def test_the_name_read_is_the_name_written() -> None:
    assert MANIFEST_NAME == WRITTEN_NAME


def config(out: Path, model: str, policy: str) -> None:
    (out / "models.config").write_text(
        f'model_config_list {{ config {{ name: "{model}" base_path: "/models/{model}" model_platform: "tensorflow" '
        f"model_version_policy {{ {policy} }} }} }}"
    )


def test_sizes_of_another_model_that_the_server_loads_are_allowed_too(tmp_path: Path) -> None:
    version(tmp_path, "words", 1)
    config(tmp_path, "words", "latest { num_versions: 1 }")
    texts, notes = planned(options(tmp_path))
    assert "max_batch_size { value: 64 }" in texts["batching_parameters.txt"]
    for size in (1, 4, 16, 64):
        assert f"allowed_batch_sizes: {size}\n" in texts["batching_parameters.txt"]
    assert "words 1 (up to 64) have more rows than this model's 16" in notes


def test_sizes_of_versions_that_no_server_loads_do_not_matter(tmp_path: Path) -> None:
    version(tmp_path, "digits", 1)  # latest:1 loads the new version 2
    version(tmp_path, "words", 1)  # in no models.config
    texts, notes = planned(options(tmp_path), 2)
    assert "max_batch_size { value: 16 }" in texts["batching_parameters.txt"]
    assert "have more rows" not in notes


def test_an_older_version_that_stays_served_keeps_its_sizes(tmp_path: Path) -> None:
    version(tmp_path, "digits", 1)
    config(tmp_path, "digits", "specific { versions: 1 }")
    texts, notes = planned(options(tmp_path), 2)
    assert "max_batch_size { value: 64 }" in texts["batching_parameters.txt"]
    assert "digits 1 (up to 64)" in notes


def test_with_per_model_batching_sizes_are_the_models_own_and_versions_without_a_file_are_named(tmp_path: Path) -> None:
    version(tmp_path, "words", 1, PER_MODEL_BATCHING)
    version(tmp_path, "words", 2)
    config(tmp_path, "words", "specific { versions: 1 versions: 2 }")
    texts, notes = planned(options(tmp_path, server=ServerFacts(is_per_model_batching=True)))
    assert "max_batch_size { value: 16 }" in texts["batching_parameters.txt"]
    assert f"a server doesn't batch words 2: no {PER_MODEL_BATCHING} there" in notes


def test_what_any_version_needs_is_switched_on_for_the_server(tmp_path: Path) -> None:
    assert "--prefer_tflite_model" not in planned(options(tmp_path))[0]["tensorflow_serving.flags"]
    version(tmp_path, "words", 1, "model.tflite", xla=True)
    flags = planned(options(tmp_path))[0]["tensorflow_serving.flags"]
    assert "--prefer_tflite_model=true" in flags
    assert "--xla_gpu_compilation_enabled=true" in flags


@pytest.mark.parametrize("precision", [Precision.TFLITE_DYNAMIC, Precision.FLOAT32])
def test_this_versions_own_needs_count(precision: Precision, tmp_path: Path) -> None:
    flags = planned(options(tmp_path, precision=precision, server=ServerFacts(is_xla=True)))[0]
    is_tflite = precision.is_tflite
    assert ("--prefer_tflite_model=true" in flags["tensorflow_serving.flags"]) == is_tflite
    assert ("--xla_gpu_compilation_enabled=true" in flags["tensorflow_serving.flags"]) != is_tflite


@pytest.mark.parametrize("text", ["{", "[1]", '{"variant": 1, "batching": {"allowed_batch_sizes": "many"}}'])
def test_another_versions_damaged_export_json_stops_no_export(text: str, tmp_path: Path) -> None:
    (version(tmp_path, "words", 1) / MANIFEST_NAME).write_text(text)
    config(tmp_path, "words", "all {}")
    assert "max_batch_size { value: 16 }" in planned(options(tmp_path))[0]["batching_parameters.txt"]


def test_a_plan_writes_nothing_and_says_what_an_export_then_writes(tmp_path: Path) -> None:
    asked = options(tmp_path / "out", server=ServerFacts(is_memory_growth=True))
    files = planned_serving_files(asked, 1)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").mkdir()
    with prepared_serving_files(asked, 1) as prepared:
        written = prepared.put_in_place()
    assert written.paths == files.paths and not written.unchanged
    assert {change.path: change.new for change in files.changes} == {path: path.read_text() for path in written.paths}
    again = planned_serving_files(asked, 1)
    assert again.changes == () and again.unchanged == frozenset(written.paths)


def test_where_the_server_sees_the_folder_is_kept_until_it_is_said_anew(tmp_path: Path) -> None:
    with prepared_serving_files(options(tmp_path), 1) as prepared:
        prepared.put_in_place()
    texts, notes = planned(options(tmp_path, served_base_path=None, max_batch_size=4, allowed_batch_sizes=(4,)))
    assert set(texts) == {"batching_parameters.txt"}  # the flags name /models as before
    assert "as /models: kept" in notes
    changed, notes = planned(options(tmp_path, served_base_path="/srv/"))
    assert "--model_config_file=/srv/models.config" in changed["tensorflow_serving.flags"]
    assert "--model_config_file /models/models.config -> /srv/models.config" in notes


def put_in_place(asked: ExportOptions, number: int) -> tuple[str, ...]:
    with prepared_serving_files(asked, number) as prepared:
        return prepared.put_in_place().notes


def test_a_larger_batch_than_running_servers_know_is_told_since_they_cannot_load_the_version(tmp_path: Path) -> None:
    put_in_place(options(tmp_path), 1)
    asked = options(tmp_path, max_batch_size=128, allowed_batch_sizes=(1, 128))
    notes = "\n".join(put_in_place(asked, 2))
    assert "batching_parameters.txt said max_batch_size 16" in notes
    assert "can't load version 2, whose largest warm-up record has 128 rows. Restart the servers first" in notes
    assert "Restart" not in "\n".join(put_in_place(asked, 3))
    assert "Restart" not in "\n".join(put_in_place(options(tmp_path), 4))


def test_servers_that_take_batching_from_the_versions_own_folder_load_a_larger_batch(tmp_path: Path) -> None:
    facts = ServerFacts(is_per_model_batching=True)
    put_in_place(options(tmp_path, server=facts), 1)
    asked = options(tmp_path, server=facts, max_batch_size=128, allowed_batch_sizes=(1, 128))
    assert "Restart" not in "\n".join(put_in_place(asked, 2))


@pytest.mark.parametrize("line", ["max_batch_size { value: 64 }", "max_batch_size: {\n  value: 64\n}"])
def test_a_batching_file_written_by_hand_is_understood(line: str) -> None:
    assert larger_batch_notes("b.txt", f"# max_batch_size {{ value: 1 }}\n{line}\n", 64, 2) == []
    (note,) = larger_batch_notes("b.txt", f"# max_batch_size {{ value: 1 }}\n{line}\n", 65, 2)
    assert note.startswith("b.txt said max_batch_size 64")
    assert larger_batch_notes("b.txt", "num_batch_threads { value: 4 }\n", 65, 2) == []
    assert larger_batch_notes("b.txt", None, 65, 2) == []


def test_flags_that_change_for_all_models_are_told() -> None:
    (note,) = flag_notes("f.flags", "# x\n--a=1\n--b=2\n--c=3\n", "--a=1\n--b=3\n--d=4\n")
    assert note.endswith("at their server's next start: --b 2 -> 3; --c 3 -> (not given); --d (not given) -> 4")
    assert flag_notes("f.flags", "--a=1\n", "# said otherwise\n--a=1\n") == []
    assert flag_notes("f.flags", None, "--a=1\n") == []


def test_a_change_is_shown_as_a_diff(tmp_path: Path) -> None:
    assert FileChange(tmp_path / "f", None, "a\n").diff().splitlines()[0] == "--- (no file)"
    assert FileChange(tmp_path / "f", "a\nb\n", "a\nc\n").diff().endswith(" a\n-b\n+c\n")


def test_a_flags_file_without_models_config_names_no_folder() -> None:
    assert served_dir_of("--port=8500\n") is None
    assert served_dir_of("--model_config_file=models.config\n") is None
    assert served_dir_of("--model_config_file=/a b/models.config\n") == "/a b"


def test_each_version_gets_a_batching_file_of_its_own(tmp_path: Path) -> None:
    write_per_model_batching(tmp_path, options(tmp_path))
    assert "max_batch_size { value: 16 }" in (tmp_path / PER_MODEL_BATCHING).read_text()
