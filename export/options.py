"""What an export is asked for: parsed and checked at the edge, illegal values can't be built."""

from __future__ import annotations

import enum
import itertools
import re
from dataclasses import dataclass
from pathlib import Path

from export.errors import InvalidOptionsError, Problems
from export.out_names import SERVING_FILES

MODEL_NAME = re.compile(r"[A-Za-z0-9._-]+")
MAX_VERSION = 2**63 - 1
MAX_FINE_TUNE_EPOCHS = 1000
MAX_MULTIPLE = 512
MAX_ROUNDS = 20
MAX_GPU_MEMORY_GB = 1e6


class Precision(enum.Enum):
    """The dtype of the weights and of the computation between the model's float32 edges, and the format they imply."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"
    INT8 = "int8"
    TFLITE_INT8 = "tflite-int8"
    TFLITE_DYNAMIC = "tflite-dynamic"
    TFLITE_FLOAT16 = "tflite-float16"

    @property
    def is_tflite(self) -> bool:
        """Written as `model.tflite`, which a server reads with --prefer_tflite_model; else as a SavedModel."""
        return self in {Precision.TFLITE_INT8, Precision.TFLITE_DYNAMIC, Precision.TFLITE_FLOAT16}

    @property
    def is_calibrated(self) -> bool:
        """Its ranges are read from rows of the user's data."""
        return self in {Precision.INT8, Precision.TFLITE_INT8}

    @property
    def is_low_clone(self) -> bool:
        """A Keras clone of another dtype."""
        return self in {Precision.BFLOAT16, Precision.FLOAT16}


class Importance(enum.Enum):
    """By what channels are ranked: a norm of their weights, BatchNormalization's scale, or the loss's Taylor term."""

    L1 = "l1"
    L2 = "l2"
    BN_SCALE = "bn-scale"
    TAYLOR = "taylor"


class Allocation(enum.Enum):
    """How the ratio is spread: the same share of every group, the least important anywhere, or by measured latency."""

    UNIFORM = "uniform"
    GLOBAL = "global"
    LATENCY = "latency"


class Require(enum.Enum):
    """What a variant must be, against float32, to be published."""

    EITHER = "either"
    FASTER = "faster"
    SMALLER = "smaller"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class PruneSpec:
    """Structured pruning: what share to remove (0 <= ratio < 1), of channels, or of latency where that allocates.

    multiple: widths that stay are multiples of it. rounds: cut and fine-tune this many times, a part of the ratio each.
    """

    ratio: float
    importance: Importance = Importance.L2
    allocation: Allocation = Allocation.UNIFORM
    multiple: int = 16
    rounds: int = 1

    def __str__(self) -> str:
        return f"structured:{self.ratio:g}"


@dataclass(frozen=True, slots=True)
class GateRules:
    """What a variant must reach to be published. max_accuracy_drop: a share of rows, 0.01 is one point."""

    max_accuracy_drop: float = 0.01
    require: Require = Require.EITHER
    is_forced: bool = False


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The machine that will serve, as far as it is told; None leaves it to a default that is said where it stands.

    gpu_memory_gb: of one GPU, 10^9 bytes. memory_fraction: of it, for one replica; None with `growth`.
    """

    gpu_memory_gb: float | None = None
    replicas_per_gpu: int = 1
    memory_fraction: float | None = None
    is_memory_growth: bool = False
    processors: int | None = None
    is_xla: bool = False
    is_per_model_batching: bool = False


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
    preprocess_path: Path | None = None
    import_modules: tuple[str, ...] = ()
    gate: GateRules = GateRules()
    server: ServerFacts = ServerFacts()
    is_dry_run: bool = False

    def __post_init__(self) -> None:
        problems = [
            *self._identity_problems(), *self._batch_problems(), *self._variant_problems(), *self._server_problems()
        ]  # fmt: skip
        if problems:
            raise InvalidOptionsError(Problems("options", problems).text())

    def _identity_problems(self) -> list[str]:
        problems = []
        if not MODEL_NAME.fullmatch(self.name) or set(self.name) == {"."}:
            problems.append(f"--name {self.name!r}: a model name is made of A-Z a-z 0-9 . _ - only")
        elif self.name.startswith(".") or self.name in SERVING_FILES:
            problems.append(
                f"--name {self.name}: a name that begins with a dot, or that of a serving file in --out, is no model's"
            )
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
        if self.prune is not None:
            problems += _prune_problems(self.prune)
            if self.data_path is None:
                problems.append("--prune needs --data: a pruned model is fine-tuned and its accuracy measured")
        if self.precision.is_calibrated and self.data_path is None:
            problems.append(f"--precision {self.precision.value} needs --data: its ranges are read from training rows")
        if self.precision.is_tflite and self.preprocess_path is not None:
            problems.append(
                f"--preprocess with --precision {self.precision.value}: TensorFlow Lite can't decode images or look up "
                "texts; export the preprocessing in a SavedModel"
            )
        if not 0 <= self.fine_tune_epochs <= MAX_FINE_TUNE_EPOCHS:
            problems.append(f"--fine-tune-epochs {self.fine_tune_epochs}: must be 0 to {MAX_FINE_TUNE_EPOCHS}")
        if not 0 <= self.gate.max_accuracy_drop <= 1:
            problems.append(
                f"--max-accuracy-drop {self.gate.max_accuracy_drop:g}: must be 0 to 1, a share of rows; "
                "0.01 is one point"
            )
        if self.import_modules and not self.trust_model_code:
            problems.append("--import runs that module's code: pass --trust-model-code if you trust it")
        return problems

    def _server_problems(self) -> list[str]:
        server = self.server
        problems = []
        if server.gpu_memory_gb is not None and not 0 < server.gpu_memory_gb <= MAX_GPU_MEMORY_GB:
            problems.append(
                f"--gpu-memory-gb {server.gpu_memory_gb:g}: must be more than 0, at most {MAX_GPU_MEMORY_GB:g}"
            )
        if server.replicas_per_gpu < 1:
            problems.append(f"--replicas-per-gpu {server.replicas_per_gpu}: must be at least 1")
        if server.memory_fraction is not None and not 0 < server.memory_fraction <= 1:
            problems.append(f"--gpu-memory {server.memory_fraction:g}: must be a share above 0, at most 1, or growth")
        if server.processors is not None and server.processors < 1:
            problems.append(f"--server-processors {server.processors}: must be at least 1")
        return problems


def _prune_problems(prune: PruneSpec) -> list[str]:
    problems = []
    if not 0 <= prune.ratio < 1:
        problems.append(f"--prune {prune}: the ratio must be at least 0 and below 1")
    if not 1 <= prune.multiple <= MAX_MULTIPLE:
        problems.append(f"--prune-multiple {prune.multiple}: must be 1 to {MAX_MULTIPLE}")
    if not 1 <= prune.rounds <= MAX_ROUNDS:
        problems.append(f"--prune-rounds {prune.rounds}: must be 1 to {MAX_ROUNDS}")
    return problems


def _listed(sizes: tuple[int, ...]) -> str:
    return ",".join(str(size) for size in sizes) or "(none)"
