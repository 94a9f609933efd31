"""Tests: unit/backend/batching."""
