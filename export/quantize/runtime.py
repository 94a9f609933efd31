"""Run a written `model.tflite` as TensorFlow Serving does: one thread, inputs resized and fed one after the other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from export.runtime import Array, shape_problem
from export.signature import SERVING_DEFAULT, TFLITE_FILE, Signature, read_signature
from export.tensorflow_names import stderr_held

# As TensorFlow Serving's interpreters, each of which has one; --num_tflite_pools says how many interpreters it has.
THREADS = 1


class ServedTFLite:
    """A TensorFlow Lite version loaded from disk, ready to answer; a context manager that owns its interpreter.

    Not for several threads at once: an interpreter holds the tensors of one call.
    """

    def __init__(self, version_dir: Path, is_delegated: bool = True) -> None:
        """Load it. is_delegated: with XNNPACK, LiteRT's own choice; without, its plain kernels.

        Raises: OSError, ValueError for a damaged file or one without TensorFlow Serving's signature; RuntimeError when
        its tensors can't be laid out as the file has them, which TensorFlow Serving does first.
        """
        self.signature: Signature = read_signature(version_dir)
        self.signatures: dict[str, Signature] = {SERVING_DEFAULT: self.signature}
        self._interpreter = _interpreter(version_dir / TFLITE_FILE, is_delegated)
        runner = self._interpreter._get_full_signature_list()[SERVING_DEFAULT]
        # TensorFlow Serving feeds tensors in the order of their indices.
        self._inputs = sorted(self.signature.inputs, key=lambda alias: int(runner["inputs"][alias]))
        self._input_indices = [int(runner["inputs"][alias]) for alias in self._inputs]
        self._outputs = sorted(self.signature.outputs)
        self._output_indices = [int(runner["outputs"][alias]) for alias in self._outputs]
        self._interpreter.allocate_tensors()
        laid_out = {int(one["index"]): tuple(map(int, one["shape"])) for one in self._interpreter.get_input_details()}
        self._shapes: list[tuple[int, ...] | None] = [laid_out[index] for index in self._input_indices]

    def predict(self, inputs: Mapping[str, Array], name: str = SERVING_DEFAULT) -> dict[str, Array]:
        """Answer one call.

        Raises: ValueError for another signature's name or a shape or dtype that doesn't fit; RuntimeError when the
        interpreter fails.
        """
        if name != SERVING_DEFAULT:
            raise ValueError(f"signature {name!r}: a TensorFlow Lite version has {SERVING_DEFAULT!r} alone")
        for alias, info in self.signature.inputs.items():
            if problem := shape_problem(inputs[alias].shape, info.shape):
                raise ValueError(f"input {alias!r}: {problem}")
            if inputs[alias].dtype != info.dtype:
                raise ValueError(f"input {alias!r}: dtype {inputs[alias].dtype} isn't {info.dtype}")
        return dict(zip(self._outputs, self._run(*[inputs[alias] for alias in self._inputs]), strict=True))

    def prepared(self, inputs: Mapping[str, Array]) -> tuple[Any, list[Array]]:
        """Return the bare call and its arguments, for measuring; the shapes are checked here, once."""
        self.predict(inputs)
        return self._run, [inputs[alias] for alias in self._inputs]

    def _run(self, *values: Array) -> list[Array]:
        """Feed, run and copy out. Tensors are laid out again only when a shape is another than the call's before.

        One input at a time, as TensorFlow Serving does: in between, inputs differ in rows.
        """
        for position, (index, value) in enumerate(zip(self._input_indices, values, strict=True)):
            if self._shapes[position] != value.shape:
                self._shapes[position] = None  # unknown, should the next lines fail
                self._interpreter.resize_tensor_input(index, value.shape)
                self._interpreter.allocate_tensors()
                self._shapes[position] = value.shape
            self._interpreter.set_tensor(index, value)
        self._interpreter.invoke()
        return [self._interpreter.get_tensor(index) for index in self._output_indices]

    def __enter__(self) -> ServedTFLite:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._interpreter = None  # frees its tensors


def _interpreter(path: Path, is_delegated: bool) -> Any:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    kind = OpResolverType.AUTO if is_delegated else OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    with stderr_held():  # it says there, once a process, that XNNPACK is used
        return Interpreter(model_path=str(path), num_threads=THREADS, experimental_op_resolver_type=kind)
