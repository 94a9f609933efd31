"""What the demo measured, the promises it made, and which of them are broken."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

CONFIGURED_PERCENT = {"stable@1": 90.0, "slim@2": 10.0}
DEVIATIONS_ALLOWED = 3.0
KEYS_WANTED = 1900  # of 2,000: the split is over keys, so nearly all must have called
MISMATCH_WORDS = "differ from the reference"


@dataclass
class Facts:
    """Filled by the story as it goes; `summary` is what build/demo/summary.json says."""

    exports: dict[str, dict[str, Any]] = field(default_factory=dict)
    rollouts: list[dict[str, Any]] = field(default_factory=list)
    replica_kill: dict[str, Any] = field(default_factory=dict)
    load: dict[str, Any] = field(default_factory=dict)
    gateway: dict[str, Any] = field(default_factory=dict)
    clean_stop: bool = False

    def summary(self) -> dict[str, Any]:
        """Every fact by name, and `broken_promises` in words."""
        mismatches = sum(entry["count"] for entry in self.load["failures"] if MISMATCH_WORDS in entry["message"])
        observed = {name: entry["percent"] for name, entry in self.load["split_observed"].items()}
        split = self._split_check()
        return {
            "calls": self.load["calls"],
            "failed_calls": self.load["failed_calls"],
            "unfinished_calls": self.load["unfinished_calls"],
            "failures": self.load["failures"],
            "split_configured": CONFIGURED_PERCENT,
            "split_observed": observed,
            "split_check": split,
            "sticky_violations": self.load["sticky_violations"],
            "join_mismatches": mismatches,
            "compared_calls": self.load["compared_replies"],
            "rollout": self.rollouts,
            "replica_kill": self.replica_kill,
            "throughput_rps": self.load["throughput_rps"],
            "latency_ms": {"loop": "closed", **self.load["latency_ms"]},
            "arms": self.load["arms"],
            "mean_batch_rows": round(self._model().get("mean_batch_rows", 0.0), 2),
            "export": self.exports,
            "clean_stop": self.clean_stop,
            "broken_promises": self._broken(mismatches, split),
        }

    def _model(self) -> dict[str, Any]:
        models: list[dict[str, Any]] = self.gateway.get("models", [])
        return models[0] if models else {}

    def _split_check(self) -> dict[str, float]:
        """Keys seen, and how many standard deviations of a binomial the slim arm is off."""
        entries = self.load["split_observed"]
        keys = sum(entry["keys"] for entry in entries.values())
        share = CONFIGURED_PERCENT["slim@2"] / 100
        slim = entries.get("slim@2", {"keys": 0})["keys"]
        deviation = math.sqrt(keys * share * (1 - share)) if keys else 0.0
        off = abs(slim - keys * share) / deviation if deviation else math.inf
        return {"keys": keys, "standard_deviations": round(off, 2)}

    def _broken(self, mismatches: int, split: dict[str, float]) -> list[str]:
        load = self.load
        promises = {
            "no call was made": load["calls"] == 0,
            f"{load['failed_calls']} calls failed": load["failed_calls"] > 0,
            f"{load['unfinished_calls']} calls were abandoned": load["unfinished_calls"] > 0,
            f"{load['sticky_violations']} calls strayed from their key's arm": load["sticky_violations"] != 0,
            f"{mismatches} joined replies differ from unjoined ones": mismatches > 0,
            "no reply was compared": load["compared_replies"] == 0,
            "no call was ever joined": self._model().get("mean_batch_rows", 0.0) <= 1.0,
            f"the split is {split['standard_deviations']} standard deviations off": (
                split["standard_deviations"] > DEVIATIONS_ALLOWED
            ),
            f"only {split['keys']} user keys had called when the split was counted": split["keys"] < KEYS_WANTED,
            "the killed replica did not come back": not self.replica_kill.get("came_back", False),
            "a server did not stop in order": not self.clean_stop,
        }
        for entry in self.rollouts:
            way = f"the rollout {entry['from']} -> {entry['to']}"
            promises[f"{way} ended {entry['phase']}: {entry['reason']}"] = entry["phase"] != "promoted"
            promises[f"{way} left a replica without the new version"] = not entry["new_loaded_everywhere"]
            promises[f"{way} left the old version loaded"] = not entry["old_unloaded_everywhere"]
        promises[f"{len(self.rollouts)} rollouts ran, 2 were planned"] = len(self.rollouts) != 2
        return [words for words, broken in promises.items() if broken]
