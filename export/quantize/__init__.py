"""Quantized versions that TensorFlow Serving can serve: written, calibrated from the user's data, and run."""
