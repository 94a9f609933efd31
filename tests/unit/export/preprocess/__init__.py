"""Tests: unit/export/preprocess."""
