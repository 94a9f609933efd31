"""Tests: unit/gateway/server."""
