"""Make one function of named tensors out of a Keras model or a restored SavedModel: what will be written and served."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from export.augmentation import training_parts_off
from export.errors import BadModelFileError, Problems, UnservableModelError
from export.options import Precision
from export.signature import SERVING_DEFAULT, Signature, TensorInfo
from export.tolerance import coarsest_arithmetic

# The only names a Python keyword argument, and so a SavedModel signature, can carry.
_ALIAS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Servable:
    """A function from inputs by alias to outputs by alias.

    resources: given the traced function, the objects TensorFlow must save with it when it can't be frozen.
    arithmetic: the coarsest floats that the model itself computes in (BFLOAT16 under the policy mixed_bfloat16).
    """

    call: Callable[[Mapping[str, Any]], dict[str, Any]]
    signature: Signature
    resources: Callable[[Any], Any]
    arithmetic: Precision = Precision.FLOAT32


def servable_from_keras(model: Any, output_dtypes: Mapping[str, str] | None = None) -> Servable:
    """Wrap a Keras model in inference mode; inputs are named as its Input layers, outputs as its last layers (or keys).

    output_dtypes: cast outputs to these dtypes by alias (the float32 edge of a low-precision clone).
    Raises: UnservableModelError for a model without a graph of layers, with layers that remember the call before, or
    with a fixed or missing batch dimension.
    """
    import keras
    import tensorflow as tf

    if not isinstance(model, keras.Sequential | keras.Model) or not getattr(model, "inputs", None):
        raise UnservableModelError(
            f"model {getattr(model, 'name', model)!r}: its inputs aren't known (a subclassed or unbuilt model). "
            "Call it once on data and write it with model.export(FOLDER), then export that SavedModel folder"
        )
    _refuse_stateful(model)
    aliases = input_aliases(model)
    outputs = _output_aliases(model)
    dtypes = {alias: tensor.dtype for alias, tensor in zip(outputs, model.outputs, strict=True)}
    dtypes.update(output_dtypes or {})

    def call(inputs: Mapping[str, Any]) -> dict[str, Any]:
        flat = [inputs[alias] for alias in aliases]
        with training_parts_off(model):
            result = keras.tree.flatten(model(_pack(model, flat), training=False))
        return {alias: tf.cast(tensor, dtypes[alias]) for alias, tensor in zip(outputs, result, strict=True)}

    signature = Signature(
        {a: TensorInfo(t.dtype, tuple(t.shape)) for a, t in zip(aliases, model.inputs, strict=True)},
        {a: TensorInfo(dtypes[a], tuple(t.shape)) for a, t in zip(outputs, model.outputs, strict=True)},
    )
    check_batch_dimension(model.name, signature)
    arithmetic = coarsest_arithmetic(str(layer.compute_dtype) for layer in model._flatten_layers())
    return Servable(call, signature, lambda concrete: _keras_resources(model, concrete), arithmetic)


def _refuse_stateful(model: Any) -> None:
    """Refuse recurrent layers that start from the state of the call before: callers would share one memory."""
    found = [layer.name for layer in model._flatten_layers() if getattr(layer, "stateful", False)]
    if found:
        raise UnservableModelError(
            f"model {model.name!r}: {', '.join(found)}: stateful=True keeps the state of one call for the next, "
            "whoever makes it. Build the layers with stateful=False, and pass a state as input and output if needed"
        )


def _keras_resources(model: Any, concrete: Any) -> list[Any]:
    """The variables a traced Keras model reads, and its look-up tables.

    Not the model itself: saving it copies its variables under other names, and the function then reads none of them.
    """
    from tensorflow.python.trackable.resource import TrackableResource

    tables = [
        value
        for layer in model._flatten_layers()
        for value in vars(layer).values()
        if isinstance(value, TrackableResource)
    ]
    return [*concrete.graph.variables, *tables]


def _pack(model: Any, flat: list[Any]) -> Any:
    """Give the model its inputs in the structure it was built with: one tensor, a list or a dict."""
    import keras

    return keras.tree.pack_sequence_as(layer_graph(model)._inputs_struct, flat)


def layer_graph(model: Any) -> Any:
    """The functional model with the graph of layers: a Sequential keeps one inside."""
    return getattr(model, "_functional", None) or model


def input_aliases(model: Any) -> list[str]:
    """Names of a Keras model's inputs, in the order of model.inputs."""
    return _numbered(_clean_alias(tensor.name) for tensor in model.inputs)


def _numbered(names: Iterable[str]) -> list[str]:
    """Tell equal names apart by a number: `x`, `x_1`."""
    taken: list[str] = []
    for name in names:
        alias, number = name, 1
        while alias in taken:
            alias, number = f"{name}_{number}", number + 1
        taken.append(alias)
    return taken


def _clean_alias(name: str) -> str:
    """Make a layer's name a signature's alias: `my-input` becomes `my_input`."""
    cleaned = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return cleaned if _ALIAS.fullmatch(cleaned) and not keyword.iskeyword(cleaned) else f"input_{cleaned}"


def _output_aliases(model: Any) -> list[str]:
    """Name outputs by their way through a dict output (`boxes`, `heads_0`), else by their layers, numbered if equal."""
    import keras

    graph = layer_graph(model)
    if isinstance(graph._outputs_struct, dict):
        paths = [path for path, _ in keras.tree.flatten_with_path(graph._outputs_struct)]
        return _numbered("_".join(str(part) for part in path) for path in paths)
    return _numbered(graph.output_names)


def servable_from_saved_model(restored: Any, path: object) -> Servable:
    """Wrap the `serving_default` signature of a restored SavedModel, aliases unchanged.

    Raises: BadModelFileError without that signature, UnservableModelError for a fixed batch dimension.
    """
    from export.tensorflow_names import tensor_info

    functions = restored.signatures
    if SERVING_DEFAULT not in functions:
        found = ", ".join(sorted(functions)) or "none"
        raise BadModelFileError(f"{path}: no signature {SERVING_DEFAULT!r} (found: {found}); save it with one")
    function = functions[SERVING_DEFAULT]
    signature = Signature(
        {alias: tensor_info(spec) for alias, spec in function.structured_input_signature[1].items()},
        {alias: tensor_info(spec) for alias, spec in function.structured_outputs.items()},
    )
    bad = [alias for alias in signature.inputs if not _ALIAS.fullmatch(alias)]
    if bad:
        raise UnservableModelError(f"{path}: input names {bad} can't be kept; names are made of A-Z a-z 0-9 _")
    check_batch_dimension(str(path), signature)
    return Servable(
        lambda inputs: dict(function(**inputs)),
        signature,
        lambda concrete: _restored_resources(restored, concrete),
        coarsest_arithmetic(_graph_dtypes(function)),
    )


def _graph_dtypes(function: Any) -> set[str]:
    """Names of the dtypes in the graph of a restored function and of all it calls."""
    import tensorflow as tf

    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    numbers = {value.type for node in nodes for value in node.attr.values() if value.HasField("type")}
    return {tf.as_dtype(number).name for number in numbers}


def _restored_resources(restored: Any, concrete: Any) -> list[Any]:
    """The variables and look-up tables of a restored SavedModel that a function made of it reads.

    Not the restored object itself: Keras' own export keeps every variable in it twice.
    """
    import tensorflow as tf

    captured = {id(tensor) for tensor in concrete.captured_inputs}
    objects = tf.train.TrackableView(restored).descendants()
    handles = ((one, getattr(one, "handle", None), getattr(one, "resource_handle", None)) for one in objects)
    return [one for one, *found in handles if any(id(handle) in captured for handle in found if handle is not None)]


def check_batch_dimension(where: str, signature: Signature) -> None:
    """Refuse inputs and outputs whose first dimension isn't open. Raises: UnservableModelError."""
    problems = []
    tensors = [*(("input", *item) for item in signature.inputs.items())]
    tensors += [*(("output", *item) for item in signature.outputs.items())]
    for kind, alias, info in tensors:
        if not info.shape:
            problems.append(f"{kind} {alias!r} is a scalar; calls can't be joined without a batch dimension")
        elif info.shape[0] is not None:
            problems.append(
                f"{kind} {alias!r} is {info}: the batch dimension is fixed at {info.shape[0]}; leave it open (None)"
            )
    if problems:
        raise UnservableModelError(Problems(where, problems).text())
