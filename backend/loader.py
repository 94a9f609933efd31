"""From a version directory to a servable: read the SavedModel, restore it into a session, list its signatures."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from google.protobuf import text_format
from google.protobuf.message import DecodeError
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.framework import errors as tf_errors

from backend.errors import Code, ServingError, StartError
from backend.flags import Flags
from backend.runner import Runner
from backend.servable import LoadedModel
from backend.signature import Signature, Slot
from backend.tensors import Array, to_array
from backend.tflite.options import MODEL_FILE

INIT_SIGNATURES = ("__saved_model_init_op", "__saved_model_train_op")


def session_config(flags: Flags) -> Any:
    """The ConfigProto that the flags ask for; raises StartError for a bad --tensorflow_session_config_file."""
    config = config_pb2.ConfigProto()
    path = flags.tensorflow_session_config_file
    if path:
        try:
            text_format.Parse(Path(path).read_text(encoding="utf-8"), config)
        except (OSError, UnicodeDecodeError, text_format.ParseError) as error:
            raise StartError(f"--tensorflow_session_config_file={path}: {error}") from error
    both = flags.tensorflow_session_parallelism
    config.intra_op_parallelism_threads = flags.tensorflow_intra_op_parallelism or both
    config.inter_op_parallelism_threads = flags.tensorflow_inter_op_parallelism or both
    fraction = flags.per_process_gpu_memory_fraction
    if fraction:
        config.gpu_options.per_process_gpu_memory_fraction = fraction
    else:
        config.gpu_options.allow_growth = True
    return config


def load(path: str, tags: list[str], config: Any) -> LoadedModel:
    """Load one version directory. Raises ServingError; its text names the directory."""
    directory = Path(path)
    if not any((directory / name).is_file() for name in ("saved_model.pb", "saved_model.pbtxt")):
        raise ServingError(
            Code.NOT_FOUND,
            f"Could not find SavedModel .pb or .pbtxt at supplied export directory path: {path}. "
            "Check that the directory exists and that you have the right permissions for accessing it."
            + _hint(directory),
        )
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph, config=config)
    try:
        with graph.as_default():
            meta_graph = tf.compat.v1.saved_model.loader.load(session, tags, path)
        return _describe(meta_graph, Runner(session, config.inter_op_parallelism_threads == 0))
    except BaseException as error:
        session.close()
        if not isinstance(error, Exception):
            raise
        raise _translated(error, path) from error


def _hint(directory: Path) -> str:
    if not (directory / MODEL_FILE).exists():
        return ""
    return f" It has a {MODEL_FILE}, which is served with --prefer_tflite_model."


def _translated(error: Exception, path: str) -> ServingError:
    match error:
        case ServingError():
            return error
        case tf_errors.OpError():
            return ServingError(Code(error.error_code), f"{path}: {error.message}")
        case DecodeError() | OSError():
            return ServingError(Code.DATA_LOSS, f"Can't parse {path}/saved_model.pb as binary proto: {error}")
        case RuntimeError():
            return ServingError(Code.NOT_FOUND, f"{path}: {error}")
        case _:
            return ServingError(Code.INTERNAL, f"{path}: {type(error).__name__}: {error}")


def _describe(meta_graph: Any, runner: Runner) -> LoadedModel:
    defs = dict(meta_graph.signature_def)
    public = {name: definition for name, definition in defs.items() if name not in INIT_SIGNATURES}
    signatures = {
        name: Signature(
            name=name,
            method=definition.method_name,
            inputs=_slots(definition.inputs),
            outputs=_slots(definition.outputs),
            defaults=frozenset(definition.defaults),
        )
        for name, definition in public.items()
    }
    return LoadedModel(signatures, defs, default_arrays(public), runner)


def default_arrays(definitions: Mapping[str, Any]) -> dict[str, dict[str, Array]]:
    """The values of inputs that a request may leave out, by signature and alias. Raises ServingError."""
    return {
        name: {alias: to_array(proto, alias) for alias, proto in definition.defaults.items()}
        for name, definition in definitions.items()
    }


def _slots(infos: Mapping[str, Any]) -> dict[str, Slot]:
    return {alias: _slot(infos[alias]) for alias in sorted(infos)}


def _slot(info: Any) -> Slot:
    shape = None if info.tensor_shape.unknown_rank else tuple(dim.size for dim in info.tensor_shape.dim)
    return Slot(info.name, info.dtype, shape)
