"""Tests of gateway/rollout."""
