"""Random whole Keras models, drawn by hypothesis or by number, for what must hold of any architecture.

`python -m tests.integration.export.architectures FIRST COUNT` prints one line of JSON for each of COUNT architectures:
whether a cut that removes nothing is exact, and what pruning at 30 and 60 % made of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import Phase, given, seed, settings
from hypothesis import strategies as st

from export.errors import UnsupportedVariantError
from export.options import PruneSpec
from export.pruning.costs import expected_parameters
from export.pruning.graph import build_graph
from export.pruning.groups import prunable_groups, removed_roots
from export.pruning.prune import refuse_empty
from export.pruning.surgery import cut_model
from tests.integration.export.architecture_blocks import IMAGE_BLOCKS, Block, Choices
from tests.integration.export.architecture_compounds import COMPOUNDS
from tests.integration.export.architecture_sequences import SEQUENCE_BLOCKS, UNIT_BLOCKS

TOKENS = 20


@dataclass(frozen=True, slots=True)
class Architecture:
    """A built model with random weights, the blocks it is made of, and what limits how a cut of it can be checked."""

    model: Any
    blocks: tuple[str, ...]
    traits: frozenset[str]

    def rows(self, count: int = 3) -> list[Any]:
        """Random rows for each input, token numbers where it takes them."""
        rng = np.random.default_rng(7)
        return [
            rng.integers(0, TOKENS, (count, *tensor.shape[1:])).astype("int32")
            if tensor.dtype == "int32"
            else rng.standard_normal((count, *tensor.shape[1:])).astype("float32")
            for tensor in self.model.inputs
        ]


def build(one_of: Callable[[Sequence[Any]], Any]) -> Architecture:
    """Build a model of one or two inputs and one or two outputs by the choices of `one_of`."""
    import keras
    from keras import layers

    choices = Choices(one_of)
    branches = [_branch(choices, index) for index in range(choices.one_of((1, 1, 1, 2)))]
    if choices.one_of((False, False, False, True)):
        branches = _twins(*branches[0])
    inputs, ends = [list(tensors) for tensors in zip(*branches, strict=True)]
    x = layers.Concatenate()(ends) if len(ends) > 1 else ends[0]
    x = layers.Dense(choices.width(), activation="relu")(x)
    outputs = [layers.Dense(3, activation=choices.one_of((None, "softmax")), name="classes")(x)]
    if choices.one_of((False, False, True)):
        outputs.append(layers.Dense(1, name="value")(ends[0]))
    model = keras.Model(*(one[0] if len(one) == 1 else one for one in (inputs, outputs)))
    randomise(model, np.random.default_rng(len(model.weights)))
    return Architecture(model, tuple(choices.blocks), frozenset(choices.traits))


def _twins(given: Any, end: Any) -> list[tuple[Any, Any]]:
    """Two inputs that go through the same nested model."""
    import keras

    encoder = keras.Model(given, end, name="encoder")
    inputs = [keras.Input(given.shape[1:], dtype=given.dtype, name=name) for name in ("left", "right")]
    return [(one, encoder(one)) for one in inputs]


def _branch(choices: Choices, index: int) -> tuple[Any, Any]:
    """An input and a tensor of (rows, channels) made from it."""
    import keras
    from keras import layers

    form = choices.one_of(("image", "image", "sequence", "tokens", "units"))
    name = f"{form}_{index}"
    if form == "units":
        given = keras.Input((10,), name=name)
        return given, _blocks(layers.Dense(choices.width(), activation="relu")(given), UNIT_BLOCKS, choices)
    if form == "tokens":
        given = keras.Input((8,), dtype="int32", name=name)
        x = layers.Embedding(TOKENS, choices.width())(given)
    else:
        given = keras.Input((6, 6, 3) if form == "image" else (8, 4), name=name)
        conv = layers.Conv2D if form == "image" else layers.Conv1D
        x = conv(choices.width(), 3, padding="same", activation="relu")(given)
    x = _blocks(x, (*(IMAGE_BLOCKS if form == "image" else SEQUENCE_BLOCKS), *COMPOUNDS), choices)
    return given, _flat(x, choices, index)


def _blocks(x: Any, known: Sequence[Block], choices: Choices) -> Any:
    for _ in range(choices.one_of((1, 2, 3))):
        block = choices.one_of(known)
        choices.blocks.append(block.__name__)
        x = block(x, choices)
    return x


def _flat(x: Any, choices: Choices, index: int) -> Any:
    """Positions and channels as one axis, or positions summed up."""
    import keras
    from keras import layers

    dims = f"{len(x.shape) - 2}D"
    end = choices.one_of(("Flatten", "Reshape", "GlobalAveragePooling", "GlobalMaxPooling", "mean"))
    choices.blocks.append(end)
    if end == "mean":
        return keras.ops.mean(x, axis=list(range(1, len(x.shape) - 1)))
    if end == "Reshape":
        return layers.Reshape((-1,))(x)
    return layers.Flatten()(x) if end == "Flatten" else getattr(layers, end + dims)()(x)


def randomise(model: Any, rng: np.random.Generator) -> None:
    """Give every float weight a random value that keeps signals of about the same size; statistics and biases too."""
    for variable in model.weights:
        if "float" not in variable.dtype:
            continue
        if "variance" in variable.path:
            values = rng.uniform(0.5, 1.5, variable.shape)
        elif len(variable.shape) > 1:
            values = rng.standard_normal(variable.shape) / max(1.0, float(np.prod(variable.shape[:-1]))) ** 0.5
        else:
            values = (1.0 if variable.name in ("gamma", "scale") else 0.0) + rng.standard_normal(variable.shape) * 0.2
        variable.assign(values)


# Enough numbers for the most choices a model takes; each chooses by its remainder.
PLANS = st.lists(st.integers(0, 2**16), min_size=100, max_size=100)


def from_plan(plan: Sequence[int]) -> Architecture:
    """The model that these numbers choose."""
    numbers = iter(plan)
    return build(lambda options: options[next(numbers) % len(options)])


def architecture(number: int) -> Architecture:
    """The architecture of a number as hypothesis draws it, the same in every process."""
    drawn: list[list[int]] = []

    # The first example is hypothesis' simplest, the same for all numbers; the second is drawn at random.
    @seed(number)
    @settings(max_examples=2, database=None, deadline=None, phases=[Phase.generate])
    @given(PLANS)
    def collect(plan: list[int]) -> None:
        drawn.append(plan)

    collect()
    return from_plan(drawn[-1])


def outputs(model: Any, rows: Sequence[Any]) -> list[Any]:
    """What a model answers, output by output."""
    import keras

    answers = model(rows[0] if len(rows) == 1 else list(rows), training=False)
    return [np.array(tensor) for tensor in keras.tree.flatten(answers)]


def difference(left: Sequence[Any], right: Sequence[Any]) -> float:
    """The largest difference of two sets of answers."""
    return max(float(np.abs(a - b).max()) for a, b in zip(left, right, strict=True))


def report(number: int) -> dict[str, object]:
    """Cut the architecture of a number at ratio 0, 0.3 and 0.6, and say what came of it."""
    drawn = architecture(number)
    model, rows = drawn.model, drawn.rows()
    before = outputs(model, rows)
    gap = difference(before, outputs(cut_model(model, build_graph(model), set()), rows))
    layers = sorted({type(layer).__name__ for layer in model._flatten_layers()})
    ratios = {str(ratio): _report_ratio(model, rows, before, ratio) for ratio in (0.3, 0.6)}
    return {"number": number, "blocks": drawn.blocks, "layers": layers, "parameters": model.count_params(),
            "exact": gap == 0.0, "difference": gap, "ratios": ratios}  # fmt: skip


def _report_ratio(model: Any, rows: list[Any], before: list[Any], ratio: float) -> dict[str, object]:
    graph, spec = build_graph(model), PruneSpec(ratio)
    try:
        groups = prunable_groups(graph, ratio)
        refuse_empty(model, graph, groups, spec)
    except UnsupportedVariantError as error:
        return {"status": "nothing", "reason": str(error)}
    try:
        removed = removed_roots(graph, groups, spec)
        smaller = cut_model(model, graph, removed)
        after = outputs(smaller, rows)
    except Exception as error:  # noqa: BLE001 whatever fails is what this report is for
        return {"status": "error", "reason": f"{type(error).__name__}: {error}"[:500]}
    return {
        "status": "pruned",
        "reason": None,
        "parameters": smaller.count_params(),
        "expected_parameters": expected_parameters(graph, model, removed),
        "right_shapes": [a.shape for a in after] == [b.shape for b in before]
        and all(bool(np.isfinite(a).all()) for a in after),
    }


if __name__ == "__main__":
    first, count = (int(argument) for argument in sys.argv[1:3])
    for number in range(first, first + count):
        print(json.dumps(report(number)), flush=True)
