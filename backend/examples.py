"""Classify and Regress: tensorflow.Example messages in, classes with scores or values out."""

from __future__ import annotations

from typing import Any

import numpy as np
from tensorflow_serving.apis import classification_pb2, regression_pb2

from backend.errors import invalid_argument
from backend.predict import Version, run
from backend.signature import DEFAULT_SIGNATURE, Signature
from backend.tensors import Array

INPUTS, CLASSES, SCORES, OUTPUTS = "inputs", "classes", "scores", "outputs"
STRING_DTYPE = 7


def classify(version: Version, request: Any, deadline_us: int | None) -> Any:
    """A ClassificationResponse: one list of classes for each example."""
    signature = _signature(version, request)
    _one_input(signature, "classification")
    if len(signature.outputs) not in (1, 2):
        raise invalid_argument(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    aliases = [alias for alias in (CLASSES, SCORES) if alias in signature.outputs]
    if not aliases:
        raise invalid_argument(
            f'Expected classification signature outputs to contain at least one of "{CLASSES}" or "{SCORES}".'
        )
    outputs = _run(version, signature, request, aliases, deadline_us)
    count = _examples(request.input)[1]
    named = dict(zip(aliases, outputs, strict=True))
    for alias, array in named.items():
        _check_matrix(alias, array, count)
    if len({array.shape[1] for array in named.values()}) > 1:
        raise invalid_argument(
            "Tensors class and score should match in dim_size(1). "
            f"Got {named[CLASSES].shape[1]} vs. {named[SCORES].shape[1]}"
        )
    reply = classification_pb2.ClassificationResponse()
    _fill_spec(reply.model_spec, version, signature)
    for row in range(count):
        into = reply.result.classifications.add()
        for column in range(outputs[0].shape[1]):
            entry = into.classes.add()
            if CLASSES in named:
                entry.label = named[CLASSES][row, column]
            if SCORES in named:
                entry.score = named[SCORES][row, column]
    return reply


def regress(version: Version, request: Any, deadline_us: int | None) -> Any:
    """A RegressionResponse: one value for each example."""
    signature = _signature(version, request)
    _one_input(signature, "regression")
    if len(signature.outputs) != 1:
        raise invalid_argument("Expected one output Tensor.")
    if OUTPUTS not in signature.outputs:
        raise invalid_argument(f"No regression outputs found in SignatureDef: {signature.name}")
    (values,) = _run(version, signature, request, [OUTPUTS], deadline_us)
    count = _examples(request.input)[1]
    if values.ndim != 1 and not (values.ndim == 2 and values.shape[1] == 1):
        raise invalid_argument(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {list(values.shape)}"
        )
    if len(values) != count:
        raise invalid_argument(f"Input batch size did not match output batch size: {count} vs. {len(values)}")
    if values.dtype != np.float32:
        raise invalid_argument(f"Expected output Tensor of DT_FLOAT.  Got: {values.dtype}")
    reply = regression_pb2.RegressionResponse()
    _fill_spec(reply.model_spec, version, signature)
    for value in values.ravel().tolist():
        reply.result.regressions.add(value=value)
    return reply


def _signature(version: Version, request: Any) -> Signature:
    name = request.model_spec.signature_name or DEFAULT_SIGNATURE
    signature = version.model.signatures.get(name)
    if signature is None:
        raise invalid_argument(f"No signature was found with the name: {name}")
    return signature


def _one_input(signature: Signature, what: str) -> None:
    if len(signature.inputs) != 1:
        raise invalid_argument("Expected one input Tensor.")
    slot = signature.inputs.get(INPUTS)
    if slot is None:
        raise invalid_argument(f"No {what} inputs found in SignatureDef: {signature.name}")
    if slot.dtype != STRING_DTYPE or not (slot.shape is None or len(slot.shape) == 1):
        raise invalid_argument(f"input {INPUTS} of signature {signature.name} doesn't take serialized Examples")


def _run(
    version: Version, signature: Signature, request: Any, aliases: list[str], deadline_us: int | None
) -> list[Array]:
    serialized, count = _examples(request.input)
    if count == 0:
        raise invalid_argument("Input is empty.")
    return run(version, signature, [serialized], aliases, deadline_us)


def _examples(source: Any) -> tuple[Array, int]:
    """The examples as a vector of bytes; a shared context is put before each of them."""
    kind = source.WhichOneof("kind")
    listed = getattr(source, kind).examples if kind else []
    context = (
        source.example_list_with_context.context.SerializeToString() if kind == "example_list_with_context" else b""
    )
    array = np.empty(len(listed), dtype=object)
    array[:] = [context + example.SerializeToString() for example in listed]
    return array, len(listed)


def _check_matrix(alias: str, array: Array, examples: int) -> None:
    if array.ndim != 2:
        raise invalid_argument(f"Expected Tensor shape: [batch_size num_classes] but got {list(array.shape)}")
    wanted = np.dtype(object) if alias == CLASSES else np.dtype(np.float32)
    if array.dtype != wanted:
        name = "DT_STRING" if alias == CLASSES else "DT_FLOAT"
        raise invalid_argument(f"Expected {alias} Tensor of {name}. Got: {array.dtype}")
    if len(array) != examples:
        raise invalid_argument(f"Expected {alias} output batch size of {examples}. Got: {len(array)}")


def _fill_spec(spec: Any, version: Version, signature: Signature) -> None:
    spec.name = version.name
    spec.signature_name = signature.name
    spec.version.value = version.number
