"""The one error of a start that cannot open its admin socket or HTTP port."""

from __future__ import annotations


class CannotServe(Exception):
    """Says where, why and what to do; the command line prints it and exits with 2."""
