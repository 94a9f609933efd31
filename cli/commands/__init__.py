"""One module a `tidegate` subcommand; each defines `command`."""
