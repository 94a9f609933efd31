"""What the person in front of the demo reads: steps as they go, one table at the end, what to do next."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


class Teller:
    """Numbers the steps and says how long each took."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step = 0
        self._began_s = time.monotonic()
        self._step_began_s = self._began_s

    def step(self, words: str) -> None:
        """A step begins."""
        self._step += 1
        self._step_began_s = time.monotonic()
        self._console.print(f"\n[bold]{self._step:2d}.[/bold] {escape(words)} ...")

    def progress(self, line: str) -> None:
        """What a program of this step says while it works."""
        self._console.print(f"    [dim]{escape(line)}[/dim]")

    def done(self, words: str = "done") -> None:
        """It ended well."""
        self._console.print(f"    {escape(words)} [dim]({time.monotonic() - self._step_began_s:.0f} s)[/dim]")

    def variant(self, version: int, manifest: dict[str, Any]) -> None:
        """What an export measured, beside the float32 source when there is one to compare with."""
        accuracy, baseline = manifest["accuracy"], manifest["baseline"]
        words = [f"version {version}", f"{accuracy:.2%} of {manifest['accuracy_rows']} test images right"]
        words.append(f"{manifest['size_bytes'] / 1e3:,.0f} kB")
        words += [
            f"{name.replace('_', ' ')}: {entry['median_us'] / 1e3:.2f} ms"
            for name, entry in manifest["latency"].items()
        ]
        self.done("; ".join(words))
        if baseline is not None:
            smaller = baseline["size_bytes"] / manifest["size_bytes"]
            ratios = [
                f"{name.replace('_', ' ')} {entry['speedup']:.2f}x as fast"
                for name, entry in manifest["latency"].items()
                if entry.get("speedup") is not None
            ]
            self._console.print(f"    against float32: {smaller:.2f}x smaller, {', '.join(ratios)}")
            self._console.print(f"    verdict: {escape(manifest['verdict']['headline'])}")

    def rollout(self, facts: dict[str, Any]) -> None:
        """How a rollout ended."""
        replicas = "every replica" if facts["old_unloaded_everywhere"] else "NOT every replica"
        self.done(f"{facts['phase']}: version {facts['to']} serves, version {facts['from']} is unloaded on {replicas}")

    def table(self, summary: dict[str, Any], summary_path: str) -> None:
        """The end: one table, the verdict, what to do next."""
        table = Table(title="What was measured", title_justify="left")
        table.add_column("promise or figure")
        table.add_column("measured")
        for name, value in _rows(summary):
            table.add_row(escape(name), escape(value))
        self._console.print()
        self._console.print(table, soft_wrap=False)
        self._verdict(summary)
        self._console.print(f"The same facts: {summary_path}. All of it took {time.monotonic() - self._began_s:.0f} s.")

    def _verdict(self, summary: dict[str, Any]) -> None:
        broken = summary["broken_promises"]
        for failure in summary["failures"]:
            self._console.print(f"  {failure['count']} x {escape(failure['code'])}: {escape(failure['message'])}")
        if broken:
            self._console.print("[bold red]Broken promises:[/bold red]")
            for words in broken:
                self._console.print(f"  - {escape(words)}")
        else:
            self._console.print("[bold green]Every promise was kept.[/bold green]")

    def next_steps(self, models: str) -> None:
        """Where to go from here."""
        self._console.print(
            "\nNext:\n"
            f"  .venv/bin/tidegate up --model-dir {models}   serve these models on 127.0.0.1:8500 until ctrl-C\n"
            "  .venv/bin/tidegate loadtest                          measure it, every reply checked (while it is up)\n"
            "  .venv/bin/tidegate export YOUR_MODEL.keras --name my --out models/\n"
            "  README.md                                            how to call it, and the rest"
        )


def _rows(summary: dict[str, Any]) -> list[tuple[str, str]]:
    latency, split, mismatches = summary["latency_ms"], summary["split_check"], summary["join_mismatches"]
    observed = f"{_shares(summary['split_observed'])}, {split['standard_deviations']} standard deviations off"
    rows = [
        ("calls, failed", f"{summary['calls']:,}, {summary['failed_calls']} failed"),
        ("throughput (closed loop)", f"{summary['throughput_rps']:,} calls/s"),
        ("latency p50 / p95 / p99 (closed loop)", f"{latency['p50']} / {latency['p95']} / {latency['p99']} ms"),
        ("split configured (percent of keys)", _shares(summary["split_configured"])),
        (f"split observed over {split['keys']:,} keys", observed),
        ("calls that strayed from their key's arm", str(summary["sticky_violations"])),
        ("joined replies that differ from unjoined", f"{mismatches} of {summary['compared_calls']:,} compared"),
        ("mean rows of a joined call", str(summary["mean_batch_rows"])),
    ]
    for entry in summary["rollout"]:
        rows.append((f"rollout {entry['from']} -> {entry['to']}", f"{entry['phase']} in {entry['seconds']} s"))
    rows.append(("replica killed", f"away for {summary['replica_kill'].get('away_s')} s"))
    for arm in summary["arms"]:
        name = f"calls of arm {arm['arm']}, version {arm['version']}"
        rows.append((name, f"{arm['calls']:,} ({arm['accuracy_ratio']:.1%} right)"))
    return rows


def _shares(shares: dict[str, float]) -> str:
    return ", ".join(f"{name} {percent:.1f} %" for name, percent in shares.items())
