"""From a version directory with `model.tflite` to a servable: read it, find its signatures, make its interpreters."""

from __future__ import annotations

import logging
from pathlib import Path

from tensorflow.core.protobuf.meta_graph_pb2 import SignatureDef

from backend.batching.params import BatchingParams
from backend.errors import Code, ServingError
from backend.loader import default_arrays
from backend.servable import LoadedModel
from backend.tflite import signatures
from backend.tflite.flatbuffer import stored_signatures
from backend.tflite.interpreter import LiteInterpreter, read_tensors, resizes_only_together
from backend.tflite.options import MAX_ROWS, MODEL_FILE, QUEUED_BATCHES_PER_INTERPRETER, TFLiteOptions
from backend.tflite.runner import LiteRunner, Pool
from backend.tflite.signatures import LiteTensor

log = logging.getLogger("backend")


def load(path: str, options: TFLiteOptions) -> LoadedModel:
    """Load one version directory. Raises ServingError; its text names the file."""
    file = Path(path) / MODEL_FILE
    try:
        return _load(file.read_bytes(), options)
    except OSError as error:
        raise ServingError(Code.DATA_LOSS, f"{file}: can't be read: {error}") from error
    except ServingError as error:
        raise ServingError(error.code, f"{file}: {error.message}") from error


def _load(content: bytes, options: TFLiteOptions) -> LoadedModel:
    tensors_in, tensors_out = read_tensors(content)
    inputs, outputs = signatures.by_name(tensors_in, "Input"), signatures.by_name(tensors_out, "Output")
    stored = stored_signatures(content, SignatureDef.FromString)
    definitions = signatures.signature_defs(stored, inputs, outputs, SignatureDef())
    checked = signatures.signatures(definitions, inputs)
    defaults = default_arrays(definitions)
    joining = _joining(options, tensors_in)
    if resizes_only_together(content, tensors_in):
        log.warning(
            "this model's inputs can't change their rows one by one, as TensorFlow Serving does it: there, calls with "
            "other rows than the last call's will fail with `Failed to allocate tensors`"
        )
    pool = Pool([LiteInterpreter(content) for _ in range(options.interpreters)])
    return LoadedModel(checked, definitions, defaults, LiteRunner(pool, inputs, outputs, joining))


def _joining(options: TFLiteOptions, inputs: list[LiteTensor]) -> BatchingParams | None:
    """The interpreters' own batching: never waits for company, cuts large requests."""
    if not options.is_joining:
        return None
    model_rows = inputs[0].shape[0] if len(inputs) == 1 and inputs[0].shape else -1
    return BatchingParams(
        max_batch_size=MAX_ROWS,
        batch_timeout_us=0,
        max_enqueued_batches=options.interpreters * QUEUED_BATCHES_PER_INTERPRETER,
        num_batch_threads=options.interpreters,
        enable_large_batch_splitting=True,
        max_execution_batch_size=options.execution_rows(model_rows),
    )
