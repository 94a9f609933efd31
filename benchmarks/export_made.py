"""The export sitting's models, trained once: kept under build/ by a hash of the code that makes them."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from benchmarks.errors import BenchmarkFailed
from benchmarks.export_child import Tell, run_child
from benchmarks.export_models import KINDS, Kind
from benchmarks.export_train import DATA_FILE, FACTS_FILE, MODEL_FILE
from benchmarks.machine import ROOT

FOLDER: Final = ROOT / "build" / "benchmarks" / "export"
SOURCES: Final = ("export_data.py", "export_models.py", "export_train.py")
PACKAGES: Final = ("keras", "numpy", "scikit-learn", "scipy", "tensorflow")
TRAIN_S: Final = 600.0  # several times what the longest training takes on two cores
QUICK_EPOCHS: Final = 2


@dataclass(frozen=True, slots=True)
class Made:
    """A trained model on disk. `facts`: of export_train: parameters, epochs, rows, where the data comes from."""

    kind: Kind
    model: Path
    data: Path
    facts: dict[str, int | float | str]


def made(names: Sequence[str], fresh: bool, quick: bool, tell: Tell, folder: Path = FOLDER) -> list[Made]:
    """Those models, trained where they aren't there already (`fresh`: always), one child process each.

    `quick`: trained for a few passes only, kept apart. Raises: BenchmarkFailed.
    """
    return [_made(KINDS[name], fresh, quick, tell, folder) for name in names]


def code_hash() -> str:
    """Of the code that makes the models, and of the versions it runs on."""
    digest = hashlib.sha256()
    for name in SOURCES:
        digest.update(name.encode() + b"\0" + (Path(__file__).parent / name).read_bytes() + b"\0")
    digest.update(" ".join(f"{package}={version(package)}" for package in PACKAGES).encode())
    return digest.hexdigest()[:16]


def _made(kind: Kind, fresh: bool, quick: bool, tell: Tell, folder: Path) -> Made:
    epochs = min(QUICK_EPOCHS, kind.epochs) if quick else kind.epochs
    place = folder / f"{kind.name}-{epochs}-{code_hash()}"
    if fresh or not (place / FACTS_FILE).is_file():
        _train(kind, epochs, place, tell)
    else:
        tell(f"{kind.title}: trained before")
    facts = json.loads((place / FACTS_FILE).read_text(encoding="utf-8"))
    return Made(kind, place / MODEL_FILE, place / DATA_FILE, facts)


def _train(kind: Kind, epochs: int, place: Path, tell: Tell) -> None:
    """Into a folder beside, renamed when it is whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".training-", dir=place.parent) as draft:
        tell(f"{kind.title}: training")
        whole = Path(draft) / "made"
        whole.mkdir()
        command = [sys.executable, "-m", "benchmarks.export_train", kind.name, str(whole), "--epochs", str(epochs)]
        ended = run_child(command, TRAIN_S, lambda line: _told(kind, line, tell))
        if ended.status or ended.timed_out:
            how = f"took more than {TRAIN_S:.0f} s" if ended.timed_out else f"ended with status {ended.status}"
            raise BenchmarkFailed(f"{kind.title}: its training {how}; it said:\n{ended.last_words}")
        shutil.rmtree(place, ignore_errors=True)  # of a hash that is made again; a part of it is of no use
        whole.rename(place)


def _told(kind: Kind, line: str, tell: Tell) -> None:
    """Passes only, of all that TensorFlow says too."""
    if line.startswith(("pass ", "trained ")):
        tell(f"{kind.title}: {line}")
