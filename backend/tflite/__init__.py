"""Serving `model.tflite` in a SavedModel's place, as TensorFlow Serving does with --prefer_tflite_model."""
