"""Every expected failure of an export, named by cause; each message says what came, what was wanted, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class ExportError(Exception):
    """An export that can't be done; nothing was published, unless the kind says otherwise.

    The command line prints the message and exits with 2.
    """


class InvalidOptionsError(ExportError):
    """Options that contradict each other or the rules; all problems at once."""


class BadModelFileError(ExportError):
    """The model file is missing, unreadable, of an unknown kind, or needs trust that wasn't given."""


class UnservableModelError(ExportError):
    """The model loads, but can't be served as it is: fixed batch, random outputs, rows that depend on each other."""


class BadDataError(ExportError):
    """The data file is missing, lacks arrays, or doesn't fit the model; all problems at once."""


class BadPreprocessError(ExportError):
    """The preprocessing spec is missing, unreadable, or doesn't fit the model; all problems at once."""


class UnsupportedVariantError(ExportError):
    """The variant asked for doesn't apply to this model."""


class FineTuneError(ExportError):
    """Fine-tuning in the child process crashed, hung or diverged."""


class MeasureError(ExportError):
    """A version can't be measured: it fails, or the process that loads it dies. Nothing is known of it, so it isn't
    published."""


class VariantRefusedError(ExportError):
    """The gate refuses a variant: it is neither faster nor smaller than float32, or less accurate than allowed.

    facts: the verdict and the figures of every step, as in export.json; plain JSON.
    """

    def __init__(self, message: str, facts: dict[str, object]) -> None:
        super().__init__(message)
        self.facts = facts


class VersionExistsError(ExportError):
    """The version to publish exists already; it was left as it is."""


class SignatureChangedError(ExportError):
    """The model's signature differs from that of the version before it."""


class BadServingFileError(ExportError):
    """A serving file in the output folder can't be read or written."""


class DiskError(ExportError):
    """The file system refused: full, read-only, no permission."""


class InUseUnknownError(ExportError):
    """Versions can't be pruned, since what is in use can't be told; all reasons at once, nothing removed."""


class PublishedError(ExportError):
    """The version is published in `version_dir`, but not every serving file was written."""

    def __init__(self, message: str, version_dir: Path) -> None:
        super().__init__(message)
        self.version_dir = version_dir


class InterruptedExportError(BaseException):
    """A signal asked the export to stop; the message says whether the version is published, then in `version_dir`.

    No Exception, and so no ExportError: libraries on the way that catch all exceptions mustn't take it for theirs.
    The command line prints the message and exits with 1.
    """

    def __init__(self, message: str, version_dir: Path | None = None) -> None:
        super().__init__(message)
        self.version_dir = version_dir


@dataclass(frozen=True)
class Problems:
    """Problems of one kind, gathered so that all are told at once."""

    where: str
    found: Sequence[str]

    def text(self) -> str:
        """Say one problem in one line, several as a list."""
        if len(self.found) == 1:
            return f"{self.where}: {self.found[0]}"
        lines = "".join(f"\n  {problem}" for problem in self.found)
        return f"{self.where}: {len(self.found)} problems{lines}"
