"""Tests of gateway/config: every mistake is told at once and nothing else is disturbed."""
