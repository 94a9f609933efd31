"""The methods that the gateway answers, under TensorFlow Serving's full names."""

from __future__ import annotations

PREDICTION_SERVICE = "tensorflow.serving.PredictionService"
MODEL_SERVICE = "tensorflow.serving.ModelService"

# Full path -> bare method name, as in Call.method.
METHODS: dict[str, str] = {
    f"/{service}/{method}": method
    for service, methods in (
        (PREDICTION_SERVICE, ("Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata")),
        (MODEL_SERVICE, ("GetModelStatus", "HandleReloadConfigRequest")),
    )
    for method in methods
}
