"""Models and servers that the tests of this folder share."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.backend.process import Backend, config_list, model_config
from tests.integration.backend.savedmodels import save_all


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one saved model of each kind, to copy from."""
    root = tmp_path_factory.mktemp("saved")
    save_all(root)
    return root


@pytest.fixture
def publish(saved: Path) -> Callable[[str, Path, int], Path]:
    """publish(kind, base, version) copies a model to base/version in one step and returns that directory."""

    def copy(kind: str, base: Path, version: int) -> Path:
        base.mkdir(parents=True, exist_ok=True)
        temporary = base / f".{version}.tmp-copy"
        shutil.copytree(saved / kind, temporary)
        return temporary.rename(base / str(version))

    return copy


@pytest.fixture(scope="session")
def standing(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A server whose configuration no test changes: half (versions 1 and 2, label stable), conv, counting, judge."""
    root = tmp_path_factory.mktemp("standing")
    for kind, target in [("half1", "half/1"), ("half2", "half/2"), ("conv", "conv/1"), ("counting", "counting/1")]:
        shutil.copytree(saved / kind, root / target)
    shutil.copytree(saved / "judge", root / "judge/1")
    half = 'model_version_policy { all {} } version_labels { key: "stable" value: 1 }'
    config = root / "models.config"
    config.write_text(
        config_list(
            model_config("half", root / "half", half),
            *[model_config(name, root / name) for name in ("conv", "counting", "judge")],
        )
    )
    backend = Backend(
        root / "run",
        f"--model_config_file={config}",
        "--allow_version_labels_for_unavailable_models",
        "--enable_grpc_healthcheck_service",
        "--grpc_max_threads=128",
    )
    yield backend.connect()
    backend.close()


@pytest.fixture(scope="session")
def reloading(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A server that each test gives its own configuration; loads aren't tried again."""
    root = tmp_path_factory.mktemp("reloading")
    shutil.copytree(saved / "half1", root / "first/1")
    backend = Backend(
        root / "run",
        f"--model_base_path={root / 'first'}",
        "--max_num_load_retries=0",
        "--num_load_threads=2",
        "--num_unload_threads=2",
    )
    yield backend.connect()
    backend.close()
