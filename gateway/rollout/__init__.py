"""Moves a model from one version to another by steps, judged and reversible. Pure but for `shell`."""
