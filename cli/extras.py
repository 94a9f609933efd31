"""Says plainly which extra a command needs, before anything of it is imported."""

from __future__ import annotations

import importlib.util

import click


class MissingExtra(click.ClickException):
    """A program's packages are not installed: one message, exit status 2."""

    exit_code = 2


def require(extra: str, *modules: str) -> None:
    """Raises: MissingExtra naming every top-level module that is not installed."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise MissingExtra(f"needs {', '.join(missing)}, not installed here: pip install 'tidegate[{extra}]'")
