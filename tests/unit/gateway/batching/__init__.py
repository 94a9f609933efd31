"""Unit tests of gateway/batching."""
