"""`tidegate backend`: the embedded TensorFlow Serving under its own flags."""

from __future__ import annotations

import click


@click.command(
    context_settings={"ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
@click.argument("flags", nargs=-1, type=click.UNPROCESSED)
def command(flags: tuple[str, ...]) -> None:
    """Start the embedded TensorFlow Serving; takes TensorFlow Serving's flags (--help lists them)."""
    from cli.extras import require

    require("backend", "tensorflow", "tensorflow_serving")

    from backend.__main__ import run

    run(flags)
