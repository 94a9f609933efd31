"""Tests: unit/backend/tflite."""
