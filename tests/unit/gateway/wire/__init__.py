"""Unit tests of gateway/wire."""
