"""One export of the sitting through the real command line, into a folder of its own, and what came of it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from benchmarks.errors import BenchmarkFailed
from benchmarks.export_child import Ended, Tell, run_child
from benchmarks.export_made import Made
from benchmarks.export_outcome import Outcome, Status
from benchmarks.export_read import figures_of, refusal_reasons, verdict_words
from benchmarks.export_variants import Variant

EXPORT_S: Final = 300.0  # several times what the longest takes on two cores
PRUNED_S: Final = 900.0
SIZES: Final = ("--max-batch-size", "32", "--allowed-batch-sizes", "1,8,32")  # 64 rows would take as long as all these
EXIT_REFUSED: Final = 2
UNSUPPORTED: Final = ("UnsupportedVariantError", "UnservableModelError")
_ERROR: Final = "error: "
_CHATTER: Final = ("INFO: ", "WARNING: ")  # of TensorFlow Lite


def run_export(made: Made, variant: Variant, out: Path, epochs: int | None, tell: Tell) -> tuple[Outcome, Path | None]:
    """Export one variant to a folder of all its own; the outcome, and the version's folder where it was published.

    `epochs`: of fine-tuning, None for the default. A crash or an endless export is an outcome too, and the sitting goes
    on. Raises: BenchmarkFailed when the exporter's answer can't be read.
    """
    command = [
        sys.executable, "-m", "export", str(made.model), "--name", made.kind.name, "--out", str(out),
        "--data", str(made.data), "--json", *SIZES, *variant.flags,
    ]  # fmt: skip
    if epochs is not None and variant.is_pruned:
        command += ["--fine-tune-epochs", str(epochs)]
    what = f"{made.kind.title}, {variant.key}"
    started = time.monotonic()
    failing: list[str] = []

    def progress(line: str) -> None:
        if failing or line.startswith(_ERROR):
            failing.append(line)  # a table and remedies; what matters of them is told at the end
        elif not line.startswith(_CHATTER):
            tell(f"{what}: {line}")

    ended = run_child(command, PRUNED_S if variant.is_pruned else EXPORT_S, progress)
    outcome, version_dir = read_outcome(made.kind.name, variant.key, ended, round(time.monotonic() - started, 1))
    told = outcome.status.value + (f": {outcome.reason}" if outcome.reason else "")
    tell(f"{what}: {told} ({outcome.seconds:.0f} s)")
    return outcome, version_dir


def read_outcome(model: str, variant: str, ended: Ended, seconds: float) -> tuple[Outcome, Path | None]:
    """Of how the command ended and what it printed. Raises: BenchmarkFailed for an answer that can't be read."""
    if ended.timed_out:
        return Outcome(model, variant, Status.FAILED, seconds, f"not done after {seconds:.0f} s"), None
    if ended.status not in {0, EXIT_REFUSED}:
        reason = f"the exporter ended with status {ended.status}: {_reason(ended)}"
        return Outcome(model, variant, Status.FAILED, seconds, reason), None
    content = _answer(ended, f"{model}, {variant}")
    if ended.status == 0:
        figures, baseline = figures_of(content)
        words = verdict_words(content)
        outcome = Outcome(model, variant, Status.PUBLISHED, seconds, None, figures, baseline, words)
        return outcome, Path(content["version_dir"])
    if "refused" in content:
        facts = content["refused"]
        figures, baseline = figures_of(facts)
        reason = "; ".join(refusal_reasons(facts))
        words = verdict_words(facts)
        return Outcome(model, variant, Status.REFUSED, seconds, reason, figures, baseline, words), None
    status = Status.UNSUPPORTED if content.get("error") in UNSUPPORTED else Status.FAILED
    return Outcome(model, variant, status, seconds, _reason(ended)), None


def _answer(ended: Ended, what: str) -> dict[str, Any]:
    try:
        content = json.loads(ended.out)
    except json.JSONDecodeError as error:
        raise BenchmarkFailed(f"{what}: --json printed no JSON ({error}); it said:\n{ended.last_words}") from error
    if not isinstance(content, dict):
        raise BenchmarkFailed(f"{what}: --json printed {type(content).__name__}, must be an object")
    return content


def _reason(ended: Ended) -> str:
    """The message, from its `error:` on, in one line, without this machine's folders."""
    starts = [number for number, line in enumerate(ended.errors) if line.startswith(_ERROR)]
    lines = ended.errors[starts[-1] :] if starts else ended.errors[-1:]
    text = "; ".join(line.strip() for line in lines).removeprefix(_ERROR)
    return " ".join(_without_folder(word) for word in text.split())


def _without_folder(word: str) -> str:
    return word.rpartition("/")[2] if word.startswith("/") and word.count("/") > 1 else word
