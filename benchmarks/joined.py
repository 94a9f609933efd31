"""How many calls a gateway joined, from its metrics page."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from benchmarks.servers import Server

PAGE_S = 10.0
NAMES = {
    "tidegate_batch_members_total": "members",
    "tidegate_batch_rows_count": "joins",
    "tidegate_batch_rows_sum": "rows",
}


@dataclass(slots=True)
class Joined:
    """Since a gateway's start: `members` calls of `rows` rows in all went through batching, in `joins` upstream calls.

    A caller that left alone counts as a join of one. `unjoined`: calls that went singly, by the gateway's reason.
    """

    members: int = 0
    joins: int = 0
    rows: int = 0
    unjoined: dict[str, int] = field(default_factory=dict)

    @property
    def members_per_join(self) -> float:
        """0 where nothing went through batching."""
        return self.members / self.joins if self.joins else 0.0

    @property
    def rows_per_join(self) -> float:
        """Without padding; 0 where nothing went through batching."""
        return self.rows / self.joins if self.joins else 0.0


def read(page: str) -> dict[str, Joined]:
    """By model, from the text of a metrics page."""
    found: dict[str, Joined] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            if sample.name in NAMES:
                joined = found.setdefault(sample.labels["model"], Joined())
                setattr(joined, NAMES[sample.name], getattr(joined, NAMES[sample.name]) + round(sample.value))
            elif sample.name == "tidegate_unjoined_total":
                joined = found.setdefault(sample.labels["model"], Joined())
                joined.unjoined[sample.labels["reason"]] = round(sample.value)
    return found


def joined_by_model(server: Server) -> dict[str, Joined]:
    """Now, of a running gateway. Raises: OSError."""
    with urlopen(f"http://127.0.0.1:{server.http_port}/metrics", timeout=PAGE_S) as page:
        return read(page.read().decode("utf-8"))


def joined_so_far(server: Server) -> tuple[int, int]:
    """Of all models: calls through batching, upstream calls made of them. Raises: OSError."""
    models = joined_by_model(server).values()
    return sum(joined.members for joined in models), sum(joined.joins for joined in models)
