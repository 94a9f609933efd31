"""Build the preprocessing of a spec as TensorFlow functions of named tensors, one for each extra signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from export.preprocess.chain import State
from export.preprocess.prepared import Preprocess
from export.preprocess.samples import raw_samples
from export.preprocess.schema import DecodeImage
from export.preprocess.spec import PreparedInput, PreprocessSpec
from export.preprocess.steps import Operation, operation
from export.signature import Signature, TensorInfo

__all__ = ["Preprocess", "preprocessing"]

Array = npt.NDArray[Any]
Tensors = Mapping[str, Any]
PARALLEL_IMAGES = 4  # decoded at once: each may be large, and a server has other calls to answer


def preprocessing(spec: PreprocessSpec, signature: Signature) -> dict[str, Preprocess]:
    """Build each signature of a spec; inputs of the model that one doesn't mention pass through."""
    return {name: _preprocess(inputs, signature) for name, inputs in spec.signatures.items()}


def _preprocess(inputs: Mapping[str, PreparedInput], signature: Signature) -> Preprocess:
    """Make one signature's function; its look-up tables are made here, once, outside any graph."""
    tables: list[Any] = []
    functions = {alias: _chain(prepared, tables) for alias, prepared in inputs.items()}
    targets = {prepared.target for prepared in inputs.values()}
    passed = {alias: info for alias, info in signature.inputs.items() if alias not in targets}

    def prepare(raw: Tensors) -> dict[str, Any]:
        made = {inputs[alias].target: function(raw[alias]) for alias, function in functions.items()}
        return {**{alias: raw[alias] for alias in passed}, **made}

    def samples(rows: int, rng: np.random.Generator) -> dict[str, Array]:
        return {alias: raw_samples(prepared, rows, rng) for alias, prepared in inputs.items()}

    infos: dict[str, TensorInfo] = {**{alias: prepared.raw for alias, prepared in inputs.items()}, **passed}
    encoded = tuple(alias for alias, prepared in inputs.items() if isinstance(prepared.steps[0], DecodeImage))
    return Preprocess(infos, prepare, tuple(tables), samples, encoded)


def _chain(prepared: PreparedInput, tables: list[Any]) -> Callable[[Any], Any]:
    """The steps of one input in order. Rows whose sizes differ go through one by one until they have one size."""
    operations: list[Operation] = []
    for step in prepared.steps:
        run, needed = operation(step)
        operations.append(run)
        tables += needed
    ranks = [len(state.shape) for state in prepared.states]
    alone = _rows_alone(prepared.states)

    def run_row(row: Any) -> Any:
        for run, rank in zip(operations[:alone], ranks, strict=False):
            row = run(row, rank)
        return row

    def run_all(batch: Any) -> Any:
        import tensorflow as tf

        if alone:
            made = prepared.states[alone]
            spec = tf.TensorSpec(list(made.shape), tf.as_dtype(made.dtype))
            batch = tf.map_fn(run_row, batch, fn_output_signature=spec, parallel_iterations=PARALLEL_IMAGES)
        for run, rank in zip(operations[alone:], ranks[alone:], strict=False):
            batch = run(batch, rank)
        return tf.ensure_shape(batch, (None, *prepared.states[-1].shape))

    return run_all


def _rows_alone(states: tuple[State, ...]) -> int:
    """How many steps run on single rows: up to the one that gives all rows one size; 0 when they always have it."""
    varying = [number for number, state in enumerate(states) if state.is_varying]
    return varying[-1] + 1 if varying else 0
