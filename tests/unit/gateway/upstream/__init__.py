"""Tests: unit/gateway/upstream."""
