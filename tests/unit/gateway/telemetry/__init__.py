"""Tests of gateway/telemetry: bounded counters, exact exports, a log that cannot be forged."""
