"""Tests: unit/gateway/limits."""
