"""Where the demo keeps its files, all under one folder that it makes anew."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

MODEL = "digits"
MARKER = ".tidegate-demo"


class NotOurs(Exception):
    """The folder holds something that no demo put there; the message says what to do."""


@dataclass(frozen=True)
class Places:
    """Folders and files of one run under `root`."""

    root: Path

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def models_config(self) -> Path:
        return self.models / "models.config"

    @property
    def gateway_yaml(self) -> Path:
        return self.root / "gateway.yaml"

    @property
    def state(self) -> Path:
        return self.root / "state"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def requests(self) -> Path:
        return self.root / "requests.jsonl"

    @property
    def expected(self) -> Path:
        return self.root / "expected.jsonl"

    @property
    def marks(self) -> Path:
        return self.root / "marks.jsonl"

    @property
    def summary(self) -> Path:
        return self.root / "summary.json"

    def make(self) -> None:
        """Remove what an earlier run left and make the folders. Raises: NotOurs, OSError."""
        marker = self.root / MARKER
        if self.root.is_dir() and any(self.root.iterdir()) and not marker.is_file():
            raise NotOurs(f"{self.root} is not empty and no demo made it; give a new folder with --dir")
        if self.root.is_dir():
            shutil.rmtree(self.root)
        self.root.mkdir(parents=True)
        marker.touch()
        for folder in (self.models, self.state, self.logs, self.run):
            folder.mkdir(parents=True)
