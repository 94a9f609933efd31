"""Locust scenarios, the gRPC user and the reports."""
