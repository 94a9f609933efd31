"""Tests: integration/gateway."""
