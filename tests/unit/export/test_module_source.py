"""`module:function` and --import run the user's code only when trusted, and say whose mistake a failure is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from export.errors import BadModelFileError
from export.module_source import check_module_function, custom_objects, import_module, is_module_function
from export.source import check_source_path


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in an empty folder; what is imported from it is forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in list(sys.modules):
        if name.startswith("tidegate_test_"):
            monkeypatch.delitem(sys.modules, name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nets:make", True),
        ("a.b_2.c:make", True),
        ("nets", False),
        ("m.keras", False),
        ("a:b:c", False),
        ("1a:b", False),
    ],
)
def test_a_module_and_a_function_are_told_from_a_file(text: str, expected: bool) -> None:
    assert is_module_function(Path(text)) is expected


def test_a_file_of_that_name_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "nets:make").write_text("x")
    assert not is_module_function(Path("nets:make"))


def test_a_function_needs_trust_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "tidegate_test_a.py").write_text("raise SystemExit('ran')")
    with pytest.raises(BadModelFileError, match=r"a function is a program.* pass --trust-model-code"):
        check_source_path(Path("tidegate_test_a:make"))


def test_a_module_that_is_nowhere_is_told_without_running_anything() -> None:
    with pytest.raises(BadModelFileError, match="no module named 'tidegate_test_none' in the current directory"):
        check_module_function(Path("tidegate_test_none:make"), trust_model_code=True)


def test_the_current_directory_is_importable(tmp_path: Path) -> None:
    (tmp_path / "tidegate_test_b.py").write_text("raise SystemExit('ran')")
    check_source_path(Path("tidegate_test_b:make"), trust_model_code=True)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "import tidegate_test_missing",
            "module 'tidegate_test_c' imports 'tidegate_test_missing', which isn't installed",
        ),
        ("1 / 0", "importing 'tidegate_test_c' raised ZeroDivisionError: division by zero"),
        ("def (", "importing 'tidegate_test_c' raised SyntaxError"),
    ],
)
def test_a_module_that_fails_is_told_with_the_reason(source: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "tidegate_test_c.py").write_text(source)
    with pytest.raises(BadModelFileError, match=said):
        import_module("tidegate_test_c", "here")


def test_a_missing_submodule_is_told_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "tidegate_test_d").mkdir()
    with pytest.raises(BadModelFileError, match=r"no module named 'tidegate_test_d\.nets'"):
        import_module("tidegate_test_d.nets", "here")


def test_imported_modules_give_the_classes_and_functions_they_define_themselves(tmp_path: Path) -> None:
    (tmp_path / "tidegate_test_e.py").write_text(
        "from pathlib import Path\nclass Layer: ...\ndef act(x): return x\nnumber = 3\n"
    )
    assert set(custom_objects(["tidegate_test_e"])) == {"Layer", "act"}
