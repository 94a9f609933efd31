"""Load what is to be exported: `.keras` or `.h5` in safe mode, a SavedModel, `module:function`; say what is wrong."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.errors import BadModelFileError
from export.module_source import check_module_function, custom_objects, is_module_function, load_module_function

# Operations by which a graph reaches outside itself: files, or Python code of the process that made it.
OUTSIDE_OPS = frozenset({"ReadFile", "WriteFile", "MatchingFiles", "PyFunc", "PyFuncStateless", "EagerPyFunc"})
KERAS_SUFFIXES = (".keras", ".h5", ".hdf5")
# How Keras names a class or function it doesn't know, and the module that the file says it came from.
_NOT_FOUND = re.compile(r"Could not locate (?P<kind>class|function) '(?P<name>\w+)'|Unknown layer: '(?P<layer>\w+)'")
_MODULE = re.compile(r".*?Full object config: \{'module': '(?P<module>[\w.]+)'")
_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Source:
    """A loaded model: `saved_model` (a restored object) for a SavedModel folder, else `keras_model`.

    sha256: of the file, of a folder's names and contents, or of the file of `module:function`'s module.
    """

    path: Path
    sha256: str
    keras_model: Any = None
    saved_model: Any = None

    @property
    def parameters(self) -> int:
        """Number of weights of a Keras model; 0 for a SavedModel, which doesn't say."""
        return 0 if self.keras_model is None else int(self.keras_model.count_params())


def check_source_path(path: Path, trust_model_code: bool = False) -> None:
    """Refuse a path that can't hold a model, before TensorFlow is imported. Raises: BadModelFileError."""
    if is_module_function(path):
        check_module_function(path, trust_model_code)
    elif not path.exists():
        raise BadModelFileError(
            f"{path}: no such file or folder; wanted a .keras or .h5 file, a SavedModel folder, or module:function"
        )
    elif path.is_dir():
        if not (path / "saved_model.pb").is_file():
            raise BadModelFileError(f"{path}: a folder without saved_model.pb is no SavedModel")
    elif path.suffix not in KERAS_SUFFIXES:
        kind = path.suffix or "no suffix"
        raise BadModelFileError(f"{path}: {kind} is no model format known here; wanted .keras, .h5 or a SavedModel")


def load_source(path: Path, trust_model_code: bool, import_modules: Sequence[str] = ()) -> Source:
    """Load a model for export; import_modules are imported first. Raises: BadModelFileError with the one reason."""
    check_source_path(path, trust_model_code)
    if is_module_function(path):
        custom_objects(import_modules)
        model, module_file = load_module_function(path)
        return Source(path, hash_source(module_file), keras_model=model)
    if path.is_dir():
        custom_objects(import_modules)
        return Source(path, hash_source(path), saved_model=_load_saved_model(path, trust_model_code))
    return Source(path, hash_source(path), keras_model=load_keras(path, trust_model_code, import_modules))


def load_keras(path: Path, trust_model_code: bool, import_modules: Sequence[str] = ()) -> Any:
    """Load a Keras model without compiling it; layers that carry Python code only when trusted."""
    import keras

    if path.suffix == ".keras" and not zipfile.is_zipfile(path):
        raise BadModelFileError(f"{path}: damaged or not a .keras file (it isn't a zip archive)")
    known = custom_objects(import_modules)
    try:
        return keras.models.load_model(path, custom_objects=known, compile=False, safe_mode=not trust_model_code)
    except Exception as error:  # Keras raises whatever a damaged file makes its parsers raise
        raise BadModelFileError(_keras_reason(path, error, trust_model_code)) from error


def _keras_reason(path: Path, error: Exception, trust_model_code: bool) -> str:
    text = " ".join(str(error).split())
    if missing := _NOT_FOUND.search(text):
        kind, name = missing["kind"] or "layer", missing["name"] or missing["layer"]
        module = _MODULE.match(text, missing.end())
        where = module["module"] if module and module["module"] != "builtins" else "MODULE"
        return (
            f"{path}: its {kind} {name!r} is not part of Keras. If you trust the module that defines it, pass "
            f"--import {where} --trust-model-code; or save the model with model.export(FOLDER) and export that folder"
        )
    if not trust_model_code and any(word in text.lower() for word in ("lambda", "safe_mode", "unsafe deserialization")):
        return (
            f"{path}: the model carries Python code (a Lambda layer); loading it would run that code. "
            "If you trust who made the file, pass --trust-model-code"
        )
    return f"{path}: damaged or not a Keras model: {type(error).__name__}: {text[:300]}"


def _load_saved_model(path: Path, trust_model_code: bool) -> Any:
    import tensorflow as tf

    if not trust_model_code and (found := _outside_ops(path)):
        raise BadModelFileError(
            f"{path}: its graph reaches outside itself ({', '.join(found)}); "
            "if you trust its maker, pass --trust-model-code"
        )
    try:
        return tf.saved_model.load(path)
    except Exception as error:  # TensorFlow raises many kinds for a damaged or half-written folder
        text = " ".join(str(error).split())
        raise BadModelFileError(f"{path}: damaged or half-written SavedModel: {text[:300]}") from error


def _outside_ops(path: Path) -> list[str]:
    """Name the operations of OUTSIDE_OPS in a SavedModel's graphs and functions."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel()
    try:
        saved_model.ParseFromString((path / "saved_model.pb").read_bytes())
    except DecodeError as error:
        raise BadModelFileError(f"{path / 'saved_model.pb'}: damaged: {error}") from error
    ops = set()
    for meta_graph in saved_model.meta_graphs:
        ops |= {node.op for node in meta_graph.graph_def.node}
        ops |= {node.op for function in meta_graph.graph_def.library.function for node in function.node_def}
    return sorted(ops & OUTSIDE_OPS)


def hash_source(path: Path) -> str:
    """SHA-256 of a file, or of a folder's sorted relative names and contents."""
    digest = hashlib.sha256()
    if path.is_file():
        for chunk in _chunks(path):
            digest.update(chunk)
        return digest.hexdigest()
    for member in sorted(entry for entry in path.rglob("*") if entry.is_file()):
        digest.update(f"{member.relative_to(path).as_posix()}\0{member.stat().st_size}\0".encode())
        for chunk in _chunks(member):
            digest.update(chunk)
    return digest.hexdigest()


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
