"""The transport's shells."""
