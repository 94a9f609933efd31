"""Preprocessing that travels in the served graph: a small declarative spec becomes extra signatures."""
