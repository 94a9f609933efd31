"""What `tidegate up` serves: which folders are models, and which are told to be none."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from google.protobuf import text_format

from cli.up import CannotStart, check_port, find_models, models_config
from protos.stubs.tidegate.wire.v1 import management_pb2


def make(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
    return root


def test_a_folder_with_a_numbered_folder_is_a_model(tmp_path: Path) -> None:
    make(tmp_path, "b/1", "a.v-2_x/0007", "a.v-2_x/.8.tmp-x", "notes/drafts", "empty", "arabic/١")
    (tmp_path / "file").touch()
    make(tmp_path, "numbers")
    (tmp_path / "numbers/1").touch()
    assert find_models(tmp_path) == ["a.v-2_x", "b"]


@pytest.mark.parametrize("name", ["missing", "file"])
def test_a_wrong_folder_is_told(name: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CannotStart, match=f"{name} is no folder; give the folder that holds NAME/VERSION/"):
        find_models(tmp_path / name)


def test_an_empty_folder_is_told_with_what_fills_it(tmp_path: Path) -> None:
    make(tmp_path, ".digits", "digits/notes")
    with pytest.raises(CannotStart, match=rf"holds no NAME/VERSION/ folder; `tidegate export MODEL --out {tmp_path}`"):
        find_models(tmp_path)


def test_every_name_outside_the_alphabet_is_told_at_once(tmp_path: Path) -> None:
    make(tmp_path, "fine/1", "my model/1", 'quo"te/1')
    with pytest.raises(
        CannotStart, match=r"""'my model', 'quo"te': no model name; letters, digits, '\.', '_' and '-'"""
    ):
        find_models(tmp_path)


def test_any_path_survives_the_way_through_models_config(tmp_path: Path) -> None:
    folder = make(tmp_path, 'a "quoted" \\ path')
    told = folder / 'a "quoted" \\ path'
    config = text_format.Parse(models_config(["a", "b"], told), management_pb2.ModelServerConfig())
    assert [(entry.name, entry.base_path, entry.model_platform) for entry in config.model_config_list.config] == [
        ("a", str(told / "a"), "tensorflow"),
        ("b", str(told / "b"), "tensorflow"),
    ]


def test_a_busy_port_is_told_and_a_free_one_is_left_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        with pytest.raises(CannotStart, match=rf"^127\.0\.0\.1:{port} cannot be listened on: Address already in use;"):
            check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)
    check_port("127.0.0.1", port)
    check_port("127.0.0.1", 0)


def test_a_host_that_is_not_ours_is_told() -> None:
    with pytest.raises(CannotStart, match=r"^192\.0\.2\.1:8500 cannot be listened on: "):  # RFC 5737: nobody's
        check_port("192.0.2.1", 8500)
