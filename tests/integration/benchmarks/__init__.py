"""Tests: the benchmarks' peers, as real processes."""
