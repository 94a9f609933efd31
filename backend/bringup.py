"""How one version is brought up: load, batching parameters, warm-up. What the manager calls for each load."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tensorflow_serving.apis import classification_pb2, predict_pb2, regression_pb2

from backend import examples, loader, warmup
from backend.batching import params as batching_params
from backend.batching.params import BatchingParams
from backend.batching.shell import Batcher
from backend.errors import Code, ServingError
from backend.predict import PredictOptions, Version, predict
from backend.servable import LoadedModel
from backend.tflite.options import TFLiteOptions, is_tflite


@dataclass(frozen=True, slots=True)
class BringUp:
    """What the flags say about loads.

    `batching` holds for all models; with `per_model` a version directory's own file decides, and without one the
    version isn't batched. `warm_up_iterations` 0: no warm-up. `tflite` None: SavedModels only.
    """

    tags: list[str]
    session_config: Any
    options: PredictOptions
    batcher: Batcher | None
    batching: BatchingParams | None
    per_model: bool
    warm_up_iterations: int
    tflite: TFLiteOptions | None

    def load(self, name: str, version: int, path: str) -> LoadedModel:
        """Load, and replay the warm-up records through the same way that calls take. Raises ServingError."""
        params = self._batching(path)
        model = dataclasses.replace(self._read(path), batching=params)
        target = Version(name, version, model, self.batcher)
        try:
            if self.warm_up_iterations:
                warmup.warm_up(path, self.warm_up_iterations, lambda kind, request: self._replay(target, kind, request))
        except BaseException:
            model.runner.close()
            raise
        return model

    def _read(self, path: str) -> LoadedModel:
        if self.tflite is None or not is_tflite(path):
            return loader.load(path, self.tags, self.session_config)
        # LiteRT is imported only where it was asked for.
        from backend.tflite import load

        return load.load(path, self.tflite)

    def _batching(self, path: str) -> BatchingParams | None:
        if not self.per_model:
            return self.batching
        own = Path(path) / batching_params.PER_MODEL_FILE
        return batching_params.parse_file(str(own)) if own.is_file() else None

    def _replay(self, target: Version, kind: str, request: Any) -> None:
        match kind, request:
            case "predict_log", predict_pb2.PredictRequest():
                predict(target, request, self.options, None)
            case "classify_log", classification_pb2.ClassificationRequest():
                examples.classify(target, request, None)
            case "regress_log", regression_pb2.RegressionRequest():
                examples.regress(target, request, None)
            case _:
                raise ServingError(Code.UNIMPLEMENTED, f"Unsupported log_type for warmup: {kind}")
