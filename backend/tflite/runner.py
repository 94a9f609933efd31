"""Running a TensorFlow Lite model: its interpreters, handed to one call at a time each, and their own batching."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from backend.batching.params import BatchingParams
from backend.batching.shell import Batcher
from backend.errors import failed_precondition
from backend.tensors import Array
from backend.tflite.interpreter import LiteInterpreter, Shapes
from backend.tflite.signatures import LiteTensor

STOP_TIMEOUT_S = 5.0


class Pool:
    """Interpreters that are free. Callers wait, without bound, until one is; safe for many threads."""

    def __init__(self, interpreters: Sequence[LiteInterpreter]) -> None:
        self._free = list(interpreters)
        self._changed = threading.Condition()

    @contextmanager
    def take(self, shapes: Shapes) -> Iterator[LiteInterpreter]:
        """One interpreter for the block: one that has these shapes if there is one, else the last one given back."""
        with self._changed:
            self._changed.wait_for(lambda: self._free)
            place = next((n for n, free in enumerate(self._free) if free.shapes == shapes), -1)
            interpreter = self._free.pop(place)
        try:
            yield interpreter
        finally:
            with self._changed:
                self._free.append(interpreter)
                self._changed.notify()

    def close(self) -> None:
        """Free all interpreters; no call may be in flight."""
        with self._changed:
            self._free.clear()


class LiteRunner:
    """All interpreters of one version (a ModelRunner). With `joining`, requests of one kind are joined before."""

    def __init__(
        self,
        pool: Pool,
        inputs: Mapping[str, LiteTensor],
        outputs: Mapping[str, LiteTensor],
        joining: BatchingParams | None,
    ) -> None:
        """Inputs and outputs by tensor name, in the model's order."""
        self._pool = pool
        self._inputs = tuple(inputs)
        self._indices = {name: tensor.index for name, tensor in outputs.items()}
        self._joining = joining
        self._batcher = Batcher(joining.num_batch_threads) if joining else None
        if self._batcher:
            self._batcher.start()

    def run(self, feeds: Sequence[str], arrays: Sequence[Array], fetches: Sequence[str]) -> list[Array]:
        """The fetched arrays in the order of `fetches`, copies. Raises ServingError."""
        if self._batcher is None or self._joining is None:
            return self._run(feeds, arrays, fetches)

        def run_joined(joined: Sequence[Array]) -> list[Array]:
            return self._run(feeds, joined, fetches)

        # TensorFlow Serving joins without regard to the outputs asked for, and so mixes them up.
        key = tuple(feeds), tuple(fetches)
        return self._batcher.run(key, self._joining, feeds, arrays, run_joined, None)

    def close(self) -> None:
        """End the batch threads, free the interpreters; no call may be in flight."""
        if self._batcher:
            self._batcher.stop(STOP_TIMEOUT_S)
        self._pool.close()

    def _run(self, feeds: Sequence[str], arrays: Sequence[Array], fetches: Sequence[str]) -> list[Array]:
        fed = dict(zip(feeds, arrays, strict=True))
        missing = [name for name in self._inputs if name not in fed]
        if missing:
            # An interpreter would run with what an earlier caller left there.
            raise failed_precondition(f"the signature doesn't feed these inputs of the TFLite model: {missing}")
        ordered = [fed[name] for name in self._inputs]
        with self._pool.take(tuple(array.shape for array in ordered)) as interpreter:
            return interpreter.run(ordered, [self._indices[name] for name in fetches])
