"""Tests: unit/gateway."""
