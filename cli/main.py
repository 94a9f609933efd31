"""The entry point: a click group that imports a subcommand's module only when it is called."""

from __future__ import annotations

import importlib

import click

# Subcommand -> one line of help, shown without importing the command (TensorFlow alone takes four seconds to import).
COMMANDS: dict[str, str] = {
    "demo": "Show the whole story on real data: train, export, serve, split, batch, roll, measure.",
    "up": "Serve a folder of models: embedded backend and gateway in the foreground.",
    "gateway": "Start the gateway before TensorFlow Serving replicas.",
    "backend": "Start the embedded TensorFlow Serving (takes its flags).",
    "export": "Write a Keras model or SavedModel as an optimized, versioned servable.",
    "versions": "List, verify and prune the versions in a folder of models.",
    "status": "Show models, versions, arms, replicas and traffic of a running gateway.",
    "rollout": "Move a model to another version by steps: start, status, abort, promote.",
    "loadtest": "Measure a gateway or TensorFlow Serving with Locust, every reply checked.",
}


class LazyGroup(click.Group):
    """A group whose commands live in `cli.commands.<name>` under the name `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"cli.commands.{cmd_name}")
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"cli.commands.{cmd_name}.command is {type(command).__name__}, not a click command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tidegate")
def main() -> None:
    """Tidegate, the front door of TensorFlow Serving."""


if __name__ == "__main__":
    main()
