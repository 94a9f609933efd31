"""Counters, their export to Prometheus, and the log."""
