"""Refuse a variant by its verdict, with its numbers on one screen."""

from __future__ import annotations

import math
from collections.abc import Sequence

from export.errors import VariantRefusedError
from export.gate.as_json import figures_json, verdict_json
from export.gate.figures import Figures
from export.gate.judge import Verdict
from export.gate.table import plain_table, step_rows

_BEARABLE_DROP = 0.05  # nobody is told to allow more than 5 points


def check_verdict(verdict: Verdict, figures: Sequence[Figures]) -> None:
    """Pass what is published. figures: of every step, float32 first. Raises: VariantRefusedError with its facts."""
    if verdict.is_published:
        return
    facts: dict[str, object] = {
        "verdict": verdict_json(verdict),
        "steps": [figures_json(one) for one in figures],
    }
    raise VariantRefusedError(_message(verdict, figures), facts)


def _message(verdict: Verdict, figures: Sequence[Figures]) -> str:
    lines = [f"the variant {figures[-1].name} is refused; nothing was published"]
    lines += [f"  {reason}" for reason in verdict.reasons]
    lines += ["", *plain_table(step_rows([figures_json(one) for one in figures])), ""]
    lines += [f"gained: {', '.join(verdict.gains) or 'nothing'}", f"paid: {', '.join(verdict.costs) or 'nothing'}"]
    lines += [f"note: {note}" for note in verdict.notes]
    return "\n".join([*lines, f"What to do: {_remedies(verdict, figures[-1])}"])


def _remedies(verdict: Verdict, variant: Figures) -> str:
    """Another variant first; then another bound; then force."""
    drop, rules = verdict.accuracy_drop, verdict.rules
    remedies = ["try another --precision, or --prune another ratio"]
    if drop is not None and rules.max_accuracy_drop < drop.value < _BEARABLE_DROP:
        more = "more --fine-tune-epochs, " if "structured" in variant.name else ""
        enough = math.ceil(drop.value * 1000 - 1e-6) / 1000
        remedies.append(f"{more}or allow the loss with --max-accuracy-drop {enough:.3f}")
    return f"{'; '.join(remedies)}; or publish it all the same with --force, which export.json then says"
