"""Predict: from the bytes of a request to the bytes of its reply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tensorflow_serving.apis import predict_pb2

from backend import signature as sig
from backend.batching.shell import Batcher, now_us
from backend.errors import Code, ServingError
from backend.reply import model_spec_bytes, response_bytes
from backend.servable import LoadedModel
from backend.signature import Signature
from backend.tensors import Array, decode, read_header

parse_request: Callable[[bytes], Any] = predict_pb2.PredictRequest.FromString


@dataclass(frozen=True, slots=True)
class PredictOptions:
    """The flags that change answers."""

    as_tensor_content: bool = False
    check_method_name: bool = False


@dataclass(frozen=True, slots=True)
class Version:
    """What answers: a loaded version under its name, and the batcher for those whose requests are joined."""

    name: str
    number: int
    model: LoadedModel
    batcher: Batcher | None


def predict(version: Version, request: Any, options: PredictOptions, deadline_us: int | None) -> bytes:
    """The serialized PredictResponse. Raises ServingError with TensorFlow Serving's code and text."""
    signature = sig.pick(version.model.signatures, request.model_spec.signature_name, options.check_method_name)
    arrays, aliases = _inputs_and_outputs(version.model, signature, request)
    outputs = run(version, signature, arrays, aliases, deadline_us)
    spec = model_spec_bytes(request.model_spec.name, version.number, signature.name)
    return response_bytes(spec, aliases, outputs, options.as_tensor_content)


def run(
    version: Version, signature: Signature, arrays: Sequence[Array], aliases: Sequence[str], deadline_us: int | None
) -> list[Array]:
    """The arrays of `aliases`; `arrays` are the signature's inputs, in its order. Joined if the version says so."""
    if deadline_us is not None and now_us() >= deadline_us:
        raise ServingError(Code.DEADLINE_EXCEEDED, "Deadline Exceeded")
    feeds = [slot.tensor for slot in signature.inputs.values()]
    fetches = [signature.outputs[alias].tensor for alias in aliases]
    runner = version.model.runner
    params = version.model.batching
    if version.batcher is None or params is None:
        return runner.run(feeds, arrays, fetches)
    key = id(version.model), tuple(feeds), tuple(fetches)

    def run_joined(joined: Sequence[Array]) -> list[Array]:
        return runner.run(feeds, joined, fetches)

    return version.batcher.run(key, params, feeds, arrays, run_joined, deadline_us)


def _inputs_and_outputs(model: LoadedModel, signature: Signature, request: Any) -> tuple[list[Array], tuple[str, ...]]:
    """Checked input arrays in the signature's order, and the aliases to answer with. Nothing is decoded unchecked."""
    inputs = request.inputs
    sig.check_names(signature, inputs)
    headers = {alias: read_header(inputs[alias], alias) for alias in signature.inputs if alias in inputs}
    aliases = sig.pick_outputs(signature, request.output_filter)
    for alias, header in headers.items():
        sig.check_tensor(signature, alias, header.element.number, header.shape)
    arrays = [
        decode(inputs[alias], headers[alias], alias) if alias in headers else model.defaults[signature.name][alias]
        for alias in signature.inputs
    ]
    return arrays, aliases
