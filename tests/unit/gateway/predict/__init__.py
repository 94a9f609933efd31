"""Tests: unit/gateway/predict."""
