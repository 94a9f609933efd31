"""Promises of backend.prestart: wrong input is told before TensorFlow is imported, with what to do about it."""

from __future__ import annotations

import socket
import sys
from pathlib import Path

import pytest

from backend.errors import StartError
from backend.flags import Flags
from backend.prestart import prepare


def test_a_busy_port_is_an_error() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        with pytest.raises(StartError, match=f"can't listen on 127.0.0.1:{port}: .*in use; choose another --port"):
            prepare(Flags(port=port, model_base_path="/m"))


def test_a_relative_base_path_is_an_error() -> None:
    with pytest.raises(StartError, match="--model_base_path: Expected model default to have an absolute path or URI"):
        prepare(Flags(port=0, model_base_path="models/m"))


def test_wrong_batching_parameters_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "b.txt"
    path.write_text("max_batch_size { value: 2 } allowed_batch_sizes: 1")
    flags = Flags(port=0, model_base_path="/m", enable_batching=True, batching_parameters_file=str(path))
    with pytest.raises(StartError, match=r"--batching_parameters_file=.*b\.txt: Last entry in allowed_batch_sizes"):
        prepare(flags)


def test_a_preference_for_tensorflow_lite_without_its_runtime_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    flags = Flags(port=0, model_base_path="/m", prefer_tflite_model=True)
    assert prepare(flags).batching is None
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(StartError, match=r"--prefer_tflite_model needs .* install ai-edge-litert"):
        prepare(flags)


def test_what_is_right_is_prepared() -> None:
    prepared = prepare(Flags(port=0, model_base_path="/m", model_name="n", enable_batching=True))
    assert [model.name for model in prepared.config.model_config_list.config] == ["n"]
    assert prepared.batching is not None
    assert prepared.batching.max_batch_size == 1000
