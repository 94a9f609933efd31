"""Tests: the benchmarks' arithmetic and texts."""
