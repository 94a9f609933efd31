"""Tests: integration/loadtests."""
