"""`tidegate export`: write a Keras model or SavedModel as an optimized, versioned servable."""

from __future__ import annotations

from export.command import command

__all__ = ["command"]
