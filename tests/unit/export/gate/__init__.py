"""Tests: unit/export/gate."""
