"""Tests: unit/export."""
