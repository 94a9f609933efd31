"""PURE: how much is let in, how often it is tried again, and what is not tried again at all."""
