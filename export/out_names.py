"""Names in the output folder that are Tidegate's own, beside the models': no model can have one of them."""

from __future__ import annotations

MODELS_CONFIG = "models.config"
BATCHING_PARAMETERS = "batching_parameters.txt"
MONITORING_CONFIG = "monitoring.config"
SESSION_CONFIG = "session.config"
SERVER_FLAGS = "tensorflow_serving.flags"

SERVING_FILES = frozenset({MODELS_CONFIG, BATCHING_PARAMETERS, MONITORING_CONFIG, SESSION_CONFIG, SERVER_FLAGS})
