"""`tidegate gateway`: the gateway's own command."""

from gateway.__main__ import command

__all__ = ["command"]
