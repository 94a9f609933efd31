"""Results of the sitting of batching in Markdown: goals, met or not, then every way of a call. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.batching import BUILDS, key
from benchmarks.batching_goals import LONE, Verdict, verdicts
from benchmarks.results import Conditions, share_of_direct
from benchmarks.samples import Figures, Sample, other_cores, summarise
from benchmarks.table import conditions_lines, of_load, spread_text, verdict_text

HEAD = (
    "| way of the call | front us | model server us | total us | of direct | calls/s | cores: front + server "
    "| rows per join | p50 us |"
)
RULE = "|---" * 9 + "|"


def markdown(title: str, conditions: Conditions, samples: Sequence[Sample]) -> str:
    """The whole page."""
    figures = summarise(samples)
    lines = [f"# {title}", "", *_introduction(conditions)]
    lines += ["", "## Goals", "", *_goals(conditions, verdicts(samples, conditions.groups))]
    for load in dict.fromkeys(entry.load for entry in figures):
        lines += ["", f"## {load} (connections x calls in flight on each)", "", HEAD, RULE]
        lines += [_row(entry, figures, conditions) for entry in of_load(figures, load, conditions)]
    unanswered = sum(entry.unanswered for entry in figures)
    calls = sum(entry.calls for entry in figures)
    lines += ["", f"Calls: {calls:,}, of which without the whole right reply: {unanswered:,}."]
    lines += ["", "## Not measured", "", *(f"- {text}" for text in conditions.not_measured), "", "## Machine", ""]
    return "\n".join([*lines, *conditions_lines(conditions, other_cores(samples)), ""])


def _introduction(conditions: Conditions) -> list[str]:
    return [
        "Processor time (user + system, from the operating system's accounting) of the server processes for each",
        "answered call, in microseconds: median [least to most] of "
        f"{conditions.rounds} round{'s' if conditions.rounds > 1 else ''} of about {conditions.seconds:g} s, all",
        "ways interleaved in one sitting. One call: Predict of one float32 row with a timeout: of 64 values (304",
        "bytes) on an MLP 64-128-10, or of 150,000 (600 kB). *Front* is the gateway or proxy, one process, before the",
        "plain server. *Of direct*: the total over that of the same server called directly, in its better setting.",
        "",
        "Gateways run as shipped, at most 32 calls in flight on a replica, two of them joined ones; but joining ones",
        "join without proof (`batching.mode: on`), for the rows of the generators are all equal and prove nothing.",
        "Servers answer up to 256 calls at once (`--grpc_max_threads=256`). *Rows per join*: of a mean upstream call.",
        "",
        "Generator, front and server share the cores and callers wait for their replies, so calls/s is what the cores",
        "allow. *Cores* says who had them: a front near 1.00 was at its limit (one process, one thread of work);",
        "lower, and the server or the generator held it up: a faster server would let it carry more. All gateways ask",
        "the server for its models' states twice a second, within the server's time. h2load opens connections under",
        "the clock, *our generator* before it, but it takes more of the cores itself. Compare within this page only.",
    ]


def _goals(conditions: Conditions, found: Sequence[Verdict]) -> list[str]:
    """For each model server a table: a row for each goal, a column for each build."""
    if not found:
        return ["None could be judged: a joining gateway and what it is compared with are needed."]
    lines = ["The ratio of medians [least to most of the rounds], what was divided, the goal. p50 and times in us."]
    for server in dict.fromkeys(verdict.server for verdict in found):
        builds = [build for build in BUILDS if any((v.server, v.build) == (server, build) for v in found)]
        titles = [conditions.titles[key(server, f"joining{build}")] for build in builds]
        lines += ["", f"| load | what | {' | '.join(titles)} |", "|---" * (2 + len(builds)) + "|"]
        of_server = [verdict for verdict in found if verdict.server == server]
        for load, words in dict.fromkeys((verdict.load, verdict.words) for verdict in of_server):
            of_build = {v.build: _judged(v, conditions) for v in of_server if (v.load, v.words) == (load, words)}
            lines.append(f"| {load} | {words} | {' | '.join(of_build.get(build, '-') for build in builds)} |")
    return lines


def _judged(verdict: Verdict, conditions: Conditions) -> str:
    """`**0.25** [0.20 to 0.30], 250 / 1,000, at most 0.3: met`."""
    spread = f"[{verdict.rounds.least:.2f} to {verdict.rounds.most:.2f}]"
    bound = f"at {'least' if verdict.at_least else 'most'} {verdict.bound:g}"
    text = f"**{verdict.ratio:.2f}** {spread}, {_number(verdict.ours)} / {_number(verdict.theirs)}"
    if verdict.against in conditions.directs:
        text += f" ({conditions.titles[verdict.against]})"
    return f"{text}, {bound}: {verdict_text(verdict.met)}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:g}"


def _row(entry: Figures, figures: Sequence[Figures], conditions: Conditions) -> str:
    direct = entry.subject in conditions.directs
    share = share_of_direct(entry, figures, conditions)
    rate = entry.calls_per_s.median
    front, server = entry.front_us.median * rate / 1e6, entry.upstream_us.median * rate / 1e6
    cells = [
        conditions.titles[entry.subject] + (", direct" if direct else ""),
        "-" if direct else f"{entry.front_us.median:.1f} [{entry.front_us.least:.1f} to {entry.front_us.most:.1f}]",
        spread_text(entry.upstream_us),
        f"**{entry.total_us.median:.0f}** [{entry.total_us.least:.0f} to {entry.total_us.most:.0f}]",
        "-" if share is None else f"{share:.2f}",
        f"{rate:,.0f}",
        f"{'-' if direct else f'{front:.2f}'} + {server:.2f}",
        f"{entry.calls_per_join.median:.1f}" if entry.calls_per_join.most else "-",
        spread_text(entry.p50_us) if entry.load == LONE and entry.p50_us.most else "-",
    ]
    return f"| {' | '.join(cells)} |"
