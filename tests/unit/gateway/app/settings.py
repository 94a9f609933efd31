"""Settings as gateway.yaml gives them, for a gateway whose replicas nobody can reach."""

from __future__ import annotations

from pathlib import Path

from gateway.config.load import parse
from gateway.config.settings import Settings

NOBODY = "127.0.0.1:1"


def settings_of(folder: Path, text: str = "", upstream: str = "", server: str = "") -> Settings:
    """One upstream, `pool`, with `upstream` in its section, `server` in that one; `text` is the rest of the file."""
    head = f"server: {{port: 0, drain_delay_s: 0, drain_timeout_s: 20{server}}}\nhttp: {{port: 0}}\n"
    content = f"{head}upstreams: {{pool: {{replicas: ['{NOBODY}']{upstream}}}}}\n{text}"
    return parse(content.encode(), folder / "gateway.yaml")
