"""The transport's pure core."""
