"""`tidegate demo`: the whole story on real data."""
