"""Tests: integration/backend."""
