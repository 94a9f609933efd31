"""Write a servable as a SavedModel: one copy of the weights whatever the number of signatures, frozen where it pays.

Every signature calls one inner function, which holds the weights: as constants (frozen: fastest to load), or as
variables where the graph needs other resources too, or where loading so many constants would cost too much.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from export.errors import UnservableModelError
from export.preprocess.prepared import Preprocess
from export.servable import Servable
from export.signature import SERVING_DEFAULT, TensorInfo
from export.tensorflow_names import tensor_spec

Call = Callable[[Mapping[str, Any]], dict[str, Any]]  # tensors by alias in, tensors by alias out
# Constants answer faster on a processor (they are packed once), but a server that loads them needs seconds and about
# ten times their bytes of memory, for each signature again; beyond this product it no longer pays. (protobuf's own end
# is at 2 GiB.)
MAX_FROZEN_BYTES = 256_000_000
_NO_PREPROCESS: Mapping[str, Preprocess] = MappingProxyType({})
_WRITES = ("AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp", "ResourceScatter")


def write_saved_model(
    servable: Servable,
    target: Path,
    preprocess: Mapping[str, Preprocess] = _NO_PREPROCESS,
    is_xla: bool = False,
    notes: list[str] | None = None,
) -> bool:
    """Write `target` with `serving_default` and one signature for each of `preprocess`; return whether it is frozen.

    is_xla: the model (not its preprocessing) is compiled when it is first called with a shape; TensorFlow Serving
    needs a flag for that. notes: is told why weights weren't frozen, when it is for their size.
    Raises: UnservableModelError when random operations or changing variables are left; OSError or a TensorFlow error
    when the disk refuses.
    """
    import tensorflow as tf

    concrete = _traced(servable.call, servable.signature.inputs)
    refuse_random_ops(concrete)
    refuse_state_changes(concrete)
    frozen = _freeze(concrete, 1 + len(preprocess), is_xla, notes)
    inner = _positional(concrete) if frozen is None else frozen
    call = _named(inner, concrete, is_xla)
    signatures = {SERVING_DEFAULT: _traced(call, servable.signature.inputs)}
    module = tf.Module()
    module.resources = [one for extra in preprocess.values() for one in extra.resources]
    if frozen is None:
        module.model_resources = servable.resources(concrete)
    for name, extra in preprocess.items():
        signatures[name] = _traced(_prepared(extra, call), extra.inputs)
        refuse_random_ops(signatures[name])
    # A served model answers and never learns. Keras' own int8 layers have gradients TensorFlow can't write.
    save_options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    tf.saved_model.save(module, str(target), signatures=signatures, options=save_options)
    return frozen is not None


def _prepared(extra: Preprocess, call: Call) -> Call:
    return lambda inputs: call(extra.prepare(inputs))


def _traced(call: Call, inputs: Mapping[str, TensorInfo]) -> Any:
    """Trace a function of named tensors, each with an open batch dimension, into a graph."""
    import tensorflow as tf

    specs = {alias: tensor_spec(alias, info) for alias, info in inputs.items()}
    return tf.function(lambda **named: call(named), autograph=False).get_concrete_function(**specs)


def _freeze(concrete: Any, signatures: int, is_xla: bool, notes: list[str] | None) -> Any | None:
    """Turn variables into constants; None when the graph needs look-up tables too, or it would pass MAX_FROZEN_BYTES.

    Loops stay whole under XLA, which can't compile the lowered ones.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    variables = {id(variable.handle) for variable in concrete.graph.variables}
    resources = [captured for captured in concrete.captured_inputs if captured.dtype.name == "resource"]
    if any(id(captured) not in variables for captured in resources):
        return None
    size_bytes = weight_bytes(concrete)
    if size_bytes * signatures > MAX_FROZEN_BYTES:
        if notes is not None:
            notes.append(
                f"weights stay variables beside the graph: frozen into it, {size_bytes / 1e6:.0f} MB in {signatures} "
                f"signature{'' if signatures == 1 else 's'} would cost a server much memory and time to load"
            )
        return None
    return convert_variables_to_constants_v2(concrete, lower_control_flow=not is_xla)


def weight_bytes(concrete: Any) -> int:
    """Bytes of the variables that a traced function reads."""
    return sum(int(variable.shape.num_elements()) * variable.dtype.size for variable in concrete.graph.variables)


def _positional(concrete: Any) -> Callable[..., list[Any]]:
    """Give an unfrozen function the interface of a frozen one: positional in, a flat list by sorted alias out."""
    order = list(concrete.structured_input_signature[1])

    def call(*values: Any) -> list[Any]:
        outputs = concrete(**dict(zip(order, values, strict=True)))
        return [outputs[alias] for alias in sorted(outputs)]

    return call


def _named(inner: Callable[..., Any], concrete: Any, is_xla: bool) -> Call:
    """Give the inner function, which knows only positions, its names and static shapes back.

    Inputs are placeholders in the order of the traced keyword arguments; outputs are flattened by sorted alias.
    """
    import tensorflow as tf

    order = list(concrete.structured_input_signature[1])
    shapes = {alias: concrete.structured_outputs[alias].shape for alias in sorted(concrete.structured_outputs)}
    run = tf.function(inner, autograph=False, jit_compile=True) if is_xla else inner

    def call(inputs: Mapping[str, Any]) -> dict[str, Any]:
        flat = tf.nest.flatten(run(*[inputs[alias] for alias in order]))
        return {
            alias: tf.ensure_shape(tensor, shape) for (alias, shape), tensor in zip(shapes.items(), flat, strict=True)
        }

    return call


def refuse_random_ops(function: Any) -> None:
    """Refuse a graph that still draws random numbers: a caller's answer would change from call to call.

    Raises: UnservableModelError naming the operations, and the layers where the graph says so.
    """
    found = _operations(function, lambda op: "Random" in op or "Multinomial" in op)
    if found:
        raise UnservableModelError(
            f"the model draws random numbers when it serves ({', '.join(sorted(found))}){_places(found)}. "
            "Remove the layer that does it (augmentation, Dropout called with training=True, a custom layer)"
        )


def refuse_state_changes(function: Any) -> None:
    """Refuse a graph that changes its own variables: an answer would depend on the calls before it.

    Raises: UnservableModelError naming the operations, and the layers where the graph says so.
    """
    found = _operations(function, lambda op: op.startswith(_WRITES))
    if found:
        raise UnservableModelError(
            f"the model changes its own variables when it serves ({', '.join(sorted(found))}){_places(found)}, so an "
            "answer would depend on the calls before it. Remove the layer that does it (a counter, a custom layer)"
        )


def _operations(function: Any, is_wanted: Callable[[str], bool]) -> dict[str, list[str]]:
    """Names of the nodes of a traced function and all it calls, by operation."""
    graph = function.graph.as_graph_def()
    nodes = [*graph.node, *(node for inner in graph.library.function for node in inner.node_def)]
    found: dict[str, list[str]] = {}
    for node in nodes:
        if is_wanted(node.op):
            found.setdefault(node.op, []).append(node.name)
    return found


def _places(found: Mapping[str, list[str]]) -> str:
    """`, in model/layer`: the scopes of nodes, which Keras names as its layers; at most three."""
    scopes = [name.rpartition("/")[0] for names in found.values() for name in names if "/" in name]
    return f", in {', '.join(sorted(set(scopes))[:3])}" if scopes else ""
