"""Tests: unit/gateway/app."""
