"""Tests: unit/loadtests."""
