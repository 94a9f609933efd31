"""Tests: integration/export."""
