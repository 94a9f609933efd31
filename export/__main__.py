"""`python -m export`: the same as `tidegate export`."""

from __future__ import annotations

from export.command import command

if __name__ == "__main__":
    command(prog_name="tidegate export")
