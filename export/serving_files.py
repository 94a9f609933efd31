"""What TensorFlow Serving is started with, kept in the output folder: written beside, then put in place together."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from export.errors import BadServingFileError
from export.file_change import FileChange, flag_notes, is_per_model_batching, larger_batch_notes, served_dir_of
from export.models_config import merge_model, models_config_text, read_models_config
from export.options import ExportOptions
from export.out_names import BATCHING_PARAMETERS, MODELS_CONFIG, MONITORING_CONFIG, SERVER_FLAGS, SESSION_CONFIG
from export.publish import folder_lock, sync_path
from export.server_flags import flags_text
from export.serving_texts import batching_text, monitoring_text, per_model_batching_text, session_text
from export.signals import removing
from export.version_needs import PER_MODEL_BATCHING, server_needs


@dataclass(frozen=True, slots=True)
class ServingFiles:
    """All files a server is started with, those among them that said the same before, and what the user should know.

    changes: what a dry run would write; empty once files are put in place.
    """

    paths: tuple[Path, ...]
    unchanged: frozenset[Path]
    notes: tuple[str, ...]
    changes: tuple[FileChange, ...] = ()


class PreparedFiles:
    """New texts on the disk under temporary names; the folder's lock is held while there is one."""

    def __init__(self, texts: dict[Path, str | None], notes: list[str]) -> None:
        """texts: the new text of each file in the order they are put in place; None keeps the file as it is."""
        self._paths = tuple(texts)
        self._texts = {path: text for path, text in texts.items() if text is not None and text != _text_of(path)}
        self._unchanged = frozenset(texts) - set(self._texts)
        self._waiting: list[Path] = list(self._texts)
        self._notes = tuple(notes)

    @property
    def waiting(self) -> tuple[Path, ...]:
        """Files that are to be replaced and aren't yet."""
        return tuple(self._waiting)

    def write(self) -> None:
        """Write the temporaries, synced, so that a full disk shows before anything is published. Raises: OSError."""
        for path, text in self._texts.items():
            temporary = _temporary(path)
            temporary.unlink(missing_ok=True)  # left by an export that was killed; the lock says that it is nobody's
            with temporary.open("x", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())

    def put_in_place(self) -> ServingFiles:
        """Rename them; a reader sees the old file or the new one. Raises: OSError."""
        while self._waiting:
            _temporary(self._waiting[0]).replace(self._waiting[0])
            del self._waiting[0]
        for folder in {path.parent for path in self._texts}:
            sync_path(folder)
        return ServingFiles(self._paths, self._unchanged, self._notes)

    def discard(self) -> None:
        """Remove what is still under a temporary name. Raises: OSError."""
        self._waiting = [
            path for path in self._waiting if _temporary(path).exists()
        ]  # a signal may have struck anywhere
        for path in self._waiting:
            _temporary(path).unlink(missing_ok=True)


@contextlib.contextmanager
def prepared_serving_files(options: ExportOptions, version: int) -> Iterator[PreparedFiles]:
    """Hold the lock and the new files, ready to be put in place once the version is published; else they are removed.

    models.config is the last: who finds it finds the others. A file that would say the same stays untouched.
    Raises: BadServingFileError when the models.config found there can't be read; OSError.
    """
    notes: list[str] = []
    with folder_lock(models_config_path(options).parent):
        prepared = PreparedFiles(_texts(options, version, notes), notes)
        try:
            prepared.write()
            yield prepared
        finally:
            with removing():
                prepared.discard()


def planned_serving_files(options: ExportOptions, version: int) -> ServingFiles:
    """What `prepared_serving_files` would put in place now; no lock is taken and nothing is written.

    Raises: BadServingFileError, OSError.
    """
    notes: list[str] = []
    texts = _texts(options, version, notes)
    pairs = [(path, _text_of(path), text) for path, text in texts.items()]
    changes = tuple(FileChange(path, old, new) for path, old, new in pairs if new is not None and new != old)
    return ServingFiles(tuple(texts), frozenset(texts) - {each.path for each in changes}, tuple(notes), changes)


def write_per_model_batching(version_dir: Path, options: ExportOptions) -> None:
    """Write batching_params.pbtxt into a version that isn't published yet. Raises: OSError."""
    text = per_model_batching_text(options.allowed_batch_sizes, options.server)
    (version_dir / PER_MODEL_BATCHING).write_text(text, encoding="utf-8")


def _texts(options: ExportOptions, version: int, notes: list[str]) -> dict[Path, str | None]:
    """The text of each file in the order they are put in place; None keeps models.config as it is."""
    config_path = models_config_path(options)
    flags_path = options.out_dir / SERVER_FLAGS
    flags_before = _text_of(flags_path)
    served_dir = _served_dir(options, flags_before, notes)
    config = read_models_config(config_path)
    is_changed = merge_model(config, options, version, served_dir, notes)
    needs = server_needs(options, version, config)
    notes += needs.notes
    flags = flags_text(served_dir, options.server, needs.flags)
    notes += flag_notes(flags_path.name, flags_before, flags)
    if not is_per_model_batching(flags_before or ""):
        batching_before = _text_of(options.out_dir / BATCHING_PARAMETERS)
        notes += larger_batch_notes(BATCHING_PARAMETERS, batching_before, options.max_batch_size, version)
    session = {options.out_dir / SESSION_CONFIG: session_text()} if options.server.is_memory_growth else {}
    return {
        options.out_dir / BATCHING_PARAMETERS: batching_text(needs.allowed_batch_sizes, options.server),
        options.out_dir / MONITORING_CONFIG: monitoring_text(),
        **session,
        flags_path: flags,
        config_path: models_config_text(config) if is_changed else None,
    }


def _served_dir(options: ExportOptions, flags_before: str | None, notes: list[str]) -> str:
    """Where the server sees the output folder: as asked, else as the flags file says already, else where it is."""
    if options.served_base_path is not None:
        return options.served_base_path.rstrip("/")
    here = str(options.out_dir.resolve())
    told = served_dir_of(flags_before or "") or here
    if told != here:
        notes.append(
            f"{SERVER_FLAGS} says that the server sees {options.out_dir} as {told}: kept; --served-base-path changes it"
        )
    return told


def models_config_path(options: ExportOptions) -> Path:
    """The file itself where a symbolic link stands for it: that is what a rollout edits, and locks the folder of."""
    path = options.out_dir / MODELS_CONFIG
    return path.resolve() if path.is_symlink() else path


def check_serving_files(options: ExportOptions) -> None:
    """Refuse early what would fail after the version is published. Raises: BadServingFileError, OSError."""
    for name in (BATCHING_PARAMETERS, MONITORING_CONFIG, SESSION_CONFIG, SERVER_FLAGS):
        if (path := options.out_dir / name).is_dir():
            raise BadServingFileError(f"{path}: a folder; wanted a file or nothing, to write there; remove it")
    read_models_config(options.out_dir / MODELS_CONFIG)


def _temporary(path: Path) -> Path:
    """Always the same for a file: a crash leaves at most one behind."""
    return path.with_name(f".{path.name}.tidegate-export-tmp")


def _text_of(path: Path) -> str | None:
    """What stands there; None for no file, or one in another encoding."""
    try:
        return path.read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        return None
