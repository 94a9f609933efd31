"""Write a servable as a SavedModel: one copy of the weights, frozen into the graph where possible, named outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from export.errors import UnservableModelError
from export.servable import Servable
from export.signature import SERVING_DEFAULT
from export.tensorflow_names import tensor_spec


def write_saved_model(servable: Servable, target: Path) -> bool:
    """Write `target` with the one signature `serving_default`; return whether the weights are frozen into the graph.

    Frozen means constants in the graph: half the size of Keras' own export, and the fastest to load. A model with
    look-up tables keeps them as resources, so it is written with its variables, once.
    Raises: UnservableModelError when random operations are left, OSError or a TensorFlow error when the disk refuses.
    """
    import tensorflow as tf

    specs = {alias: tensor_spec(alias, info) for alias, info in servable.signature.inputs.items()}
    function = tf.function(lambda **inputs: servable.call(inputs), autograph=False)
    concrete = function.get_concrete_function(**specs)
    frozen = _freeze(concrete)
    final = concrete if frozen is None else _resigned(frozen, concrete, specs)
    refuse_random_ops(final)
    module = tf.Module()
    if frozen is None:
        module.resources = servable.resources(concrete)
    tf.saved_model.save(module, str(target), signatures={SERVING_DEFAULT: final})
    return frozen is not None


def _freeze(concrete: Any) -> Any | None:
    """Turn variables into constants; None when the graph needs other resources too, such as look-up tables."""
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    variables = {id(variable.handle) for variable in concrete.graph.variables}
    resources = [captured for captured in concrete.captured_inputs if captured.dtype.name == "resource"]
    if any(id(captured) not in variables for captured in resources):
        return None
    return convert_variables_to_constants_v2(concrete)


def _resigned(frozen: Any, concrete: Any, specs: dict[str, Any]) -> Any:
    """Give a frozen function, which knows only positions, its names back.

    Inputs are placeholders in the order of the traced keyword arguments; outputs are flattened by sorted alias.
    """
    import tensorflow as tf

    order = list(concrete.structured_input_signature[1])
    outputs = sorted(concrete.structured_outputs)

    def call(**inputs: Any) -> dict[str, Any]:
        flat = tf.nest.flatten(frozen(*[inputs[alias] for alias in order]))
        shaped = {}
        for alias, tensor in zip(outputs, flat, strict=True):
            shaped[alias] = tf.ensure_shape(tensor, concrete.structured_outputs[alias].shape)
        return shaped

    return tf.function(call, autograph=False).get_concrete_function(**specs)


def refuse_random_ops(function: Any) -> None:
    """Refuse a graph that still draws random numbers: a caller's answer would change from call to call.

    Raises: UnservableModelError naming the operations.
    """
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    found = sorted({node.op for node in nodes if "Random" in node.op or "Multinomial" in node.op})
    if found:
        raise UnservableModelError(
            f"the model draws random numbers when it serves ({', '.join(found)}). "
            "Remove the layer that does it (augmentation, Dropout called with training=True, a custom layer)"
        )
