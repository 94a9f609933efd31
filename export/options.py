"""What an export is asked for: parsed and checked at the edge, illegal values can't be built."""

from __future__ import annotations

import enum
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from export.errors import InvalidOptionsError, Problems

MODEL_NAME = re.compile(r"[A-Za-z0-9._-]+")
MAX_VERSION = 2**63 - 1
MAX_FINE_TUNE_EPOCHS = 1000


class Precision(enum.Enum):
    """The dtype of the weights and of the computation between the model's float32 edges."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


class Importance(enum.Enum):
    """The norm of a channel's weights by which channels are ranked."""

    L1 = "l1"
    L2 = "l2"


@dataclass(frozen=True, slots=True)
class PruneSpec:
    """Structured pruning: the share of channels to remove from each group (0 <= ratio < 1)."""

    ratio: float
    importance: Importance = Importance.L2

    def __str__(self) -> str:
        return f"structured:{self.ratio:g}"


@dataclass(frozen=True, slots=True)
class VersionPolicy:
    """TensorFlow Serving's version policy: the `latest` n, `all`, or `specific` versions."""

    latest_count: int | None = None
    specific: tuple[int, ...] = ()

    @property
    def is_all(self) -> bool:
        return self.latest_count is None and not self.specific


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """One export. Paths are the user's; sizes are rows; a None leaves the choice to the exporter."""

    model_path: Path
    name: str
    out_dir: Path
    precision: Precision = Precision.FLOAT32
    prune: PruneSpec | None = None
    data_path: Path | None = None
    version: int | None = None
    max_batch_size: int = 64
    allowed_batch_sizes: tuple[int, ...] = (1, 8, 32, 64)
    served_base_path: str | None = None
    version_policy: VersionPolicy | None = None
    fine_tune_epochs: int = 6
    trust_model_code: bool = False
    allow_signature_change: bool = False

    def __post_init__(self) -> None:
        problems = [*self._identity_problems(), *self._batch_problems(), *self._variant_problems()]
        if problems:
            raise InvalidOptionsError(Problems("options", problems).text())

    def _identity_problems(self) -> list[str]:
        problems = []
        if not MODEL_NAME.fullmatch(self.name) or set(self.name) == {"."}:
            problems.append(f"--name {self.name!r}: a model name is made of A-Z a-z 0-9 . _ - only")
        if self.version is not None and not 1 <= self.version <= MAX_VERSION:
            problems.append(f"--version {self.version}: a version is a whole number from 1 to 2^63-1")
        if self.served_base_path is not None and not self.served_base_path.startswith("/"):
            problems.append(f"--served-base-path {self.served_base_path!r}: TensorFlow Serving wants an absolute path")
        return problems

    def _batch_problems(self) -> list[str]:
        sizes = self.allowed_batch_sizes
        problems = []
        if self.max_batch_size < 1:
            problems.append(f"--max-batch-size {self.max_batch_size}: must be at least 1")
        if not sizes or sizes[0] < 1 or any(low >= high for low, high in itertools.pairwise(sizes)):
            problems.append(f"--allowed-batch-sizes {_listed(sizes)}: must be whole numbers from 1 on, each larger")
        elif sizes[-1] != self.max_batch_size:
            problems.append(
                f"--allowed-batch-sizes {_listed(sizes)}: the last is {sizes[-1]}, must be --max-batch-size "
                f"{self.max_batch_size} (TensorFlow Serving refuses to load the model otherwise)"
            )
        return problems

    def _variant_problems(self) -> list[str]:
        problems = []
        if self.prune is not None and not 0 <= self.prune.ratio < 1:
            problems.append(f"--prune {self.prune}: the ratio must be at least 0 and below 1")
        if self.prune is not None and self.data_path is None:
            problems.append("--prune needs --data: a pruned model is fine-tuned and its accuracy measured")
        if not 0 <= self.fine_tune_epochs <= MAX_FINE_TUNE_EPOCHS:
            problems.append(f"--fine-tune-epochs {self.fine_tune_epochs}: must be 0 to {MAX_FINE_TUNE_EPOCHS}")
        return problems


def _listed(sizes: tuple[int, ...]) -> str:
    return ",".join(str(size) for size in sizes) or "(none)"


def parse_prune(text: str, importance: Importance) -> PruneSpec:
    """Parse `structured:RATIO`. Raises: InvalidOptionsError."""
    kind, _, ratio = text.partition(":")
    try:
        if kind != "structured":
            raise ValueError(kind)
        return PruneSpec(float(ratio), importance)
    except ValueError:
        raise InvalidOptionsError(
            f"options: --prune {text!r}: must be structured:RATIO, such as structured:0.5 "
            "(zeros without structure bring no speed in TensorFlow Serving, so they aren't offered)"
        ) from None


def parse_batch_sizes(text: str) -> tuple[int, ...]:
    """Parse `1,8,32`. Raises: InvalidOptionsError."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise InvalidOptionsError(
            f"options: --allowed-batch-sizes {text!r}: must be whole numbers such as 1,8,32,64"
        ) from None


def parse_version_policy(text: str) -> VersionPolicy:
    """Parse `latest`, `latest:N`, `all` or `specific:1,2`. Raises: InvalidOptionsError."""
    kind, _, rest = text.partition(":")
    try:
        if kind == "latest":
            policy = VersionPolicy(latest_count=int(rest or "1"))
            if policy.latest_count is not None and policy.latest_count >= 1:
                return policy
        elif kind == "all" and not rest:
            return VersionPolicy()
        elif kind == "specific":
            versions = tuple(int(part) for part in rest.split(","))
            if all(1 <= version <= MAX_VERSION for version in versions):
                return VersionPolicy(specific=versions)
    except ValueError:
        pass  # told below, with what was wanted
    raise InvalidOptionsError(f"options: --version-policy {text!r}: must be latest, latest:N, all or specific:1,2")
