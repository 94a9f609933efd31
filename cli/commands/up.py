"""`tidegate up`: embedded backend and gateway in the foreground, for daily use."""

from __future__ import annotations

import sys
from pathlib import Path

import click

PORT = click.IntRange(0, 65535)


@click.command("up")
@click.option(
    "--model-dir", type=click.Path(path_type=Path), required=True, help="Folder with NAME/VERSION/ for each model."
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Where the gateway listens.")
@click.option("--port", type=PORT, default=8500, show_default=True, help="The gateway's gRPC port; 0 picks a free one.")
@click.option("--http-port", type=PORT, default=9090, show_default=True, help="Metrics, health pages; 0 picks one.")
@click.option("--no-batching", is_flag=True, help="Forward every call as it came.")
@click.option(
    "--state-dir", type=click.Path(path_type=Path), default=Path(".tidegate"), show_default=True,
    help="Logs, ports and the admin socket.",
)  # fmt: skip
@click.option(
    "--drain-timeout", type=click.FloatRange(0, 30), default=30.0, show_default=True,
    help="Seconds for calls in flight at the end.",
)  # fmt: skip
def command(
    model_dir: Path,
    host: str,
    port: int,
    http_port: int,
    no_batching: bool,
    state_dir: Path,
    drain_timeout: float,
) -> None:
    """Serve a folder of models in the foreground: embedded TensorFlow Serving and the gateway before it.

    Ctrl-C drains the gateway, then the backend, and exits 0; a second one, or calls that outlast --drain-timeout,
    exit 1.
    """
    from cli.extras import require

    require("backend", "tensorflow", "tensorflow_serving")

    from cli.up import CannotStart, Up, find_models

    if port == http_port != 0:
        raise click.UsageError(f"--http-port {http_port} is already --port; give the pages a port of their own")
    try:
        up = Up(find_models(model_dir), model_dir, state_dir, host, port, http_port, not no_batching, drain_timeout)
        sys.exit(up.run())
    except CannotStart as error:
        click.echo(f"tidegate up: {error}", err=True)
        sys.exit(2)
