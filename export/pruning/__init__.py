"""Structured pruning: whole channels and units physically removed, the network smaller and dense."""
