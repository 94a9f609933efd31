"""Tests: unit/backend."""
