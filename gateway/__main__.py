"""argv -> run: `tidegate gateway`, or `python -m gateway`."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.app.run import EXIT_WRONG_INPUT, run
from gateway.config.load import from_flags, load
from gateway.config.problems import ConfigurationRefused
from gateway.telemetry.log import set_up_logging

_BY_USER = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)


@click.command()
@click.option("--config", type=click.Path(path_type=Path), help="gateway.yaml: splits, labels, rollouts, policies.")
@click.option("--upstream", help="HOST:PORT[,HOST:PORT...] of TensorFlow Serving replicas; needs no file.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Where to listen, without --config.")
@click.option("--port", default=8500, show_default=True, help="gRPC port, without --config; 0 picks a free one.")
@click.option("--http-port", default=9090, show_default=True, help="Metrics and health pages, without --config.")
@click.option("--no-batching", is_flag=True, help="Forward every call as it came, without --config.")
@click.option(
    "--state-dir", type=click.Path(path_type=Path), default=Path(".tidegate"), show_default=True,
    help="Rollouts' state and the admin socket.",
)  # fmt: skip
@click.option("--log-level", default="info", show_default=True, help="debug, info, warning or error.")
@click.option("--port-file", type=click.Path(path_type=Path), help="Write the bound ports here as JSON, once serving.")
@click.option("--exit-with-parent", is_flag=True, help="Drain and exit when standard input ends (for supervisors).")
def command(
    config: Path | None,
    upstream: str | None,
    host: str,
    port: int,
    http_port: int,
    no_batching: bool,
    state_dir: Path,
    log_level: str,
    port_file: Path | None,
    exit_with_parent: bool,
) -> None:
    """Start the gateway before TensorFlow Serving replicas.

    Give --upstream to route every model those replicas have, or --config for more.
    """
    given = click.get_current_context().get_parameter_source
    only_without = [name for name in ("host", "port", "http_port", "no_batching") if given(name) in _BY_USER]
    if config is not None and only_without:
        flags = ", ".join(f"--{name.replace('_', '-')}" for name in only_without)
        click.echo(f"gateway: {flags}: not with --config; the file decides that", err=True)
        sys.exit(EXIT_WRONG_INPUT)
    if (config is None) == (upstream is None):
        click.echo("gateway: give either --config FILE or --upstream HOST:PORT[,...]", err=True)
        sys.exit(EXIT_WRONG_INPUT)
    try:
        set_up_logging(log_level)
        if config is not None:
            settings = load(config)
        else:
            addresses = [address.strip() for address in (upstream or "").split(",")]
            settings = from_flags(addresses, host, port, http_port, not no_batching)
    except (ConfigurationRefused, ValueError) as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_WRONG_INPUT)
    sys.exit(run(settings, config, state_dir, port_file, exit_with_parent))


if __name__ == "__main__":
    command()
