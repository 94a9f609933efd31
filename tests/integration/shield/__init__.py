"""Integration tests: what may reach a model, proved by generated requests."""
