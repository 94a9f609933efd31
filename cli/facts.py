"""The gateway's status as plain facts for `--json`: numbers are numbers, what is unknown is null."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from protos.stubs.tidegate.admin.v1 import admin_pb2


def rollout_facts(rollout: admin_pb2.Rollout) -> dict[str, Any]:
    return {
        "model": rollout.model,
        "from_version": rollout.from_version,
        "to_version": rollout.to_version,
        "phase": rollout.phase,
        "percent": rollout.percent,
        "reason": rollout.reason,
        "steps_percent": list(rollout.steps_percent),
        "hold_s": rollout.hold_s,
        "error_margin_ratio": rollout.error_margin_ratio,
        "keep_old": rollout.keep_old,
        "started_unix_s": rollout.started_unix_s,
        "updated_unix_s": rollout.updated_unix_s,
    }


def status_facts(status: admin_pb2.GetStatusResponse) -> dict[str, Any]:
    return {
        "version": status.version,
        "uptime_s": status.uptime_s,
        "config_path": status.config_path or None,
        "problems": list(status.problems),
        "models": [model_facts(model) for model in status.models],
    }


def model_facts(model: admin_pb2.ModelStatus) -> dict[str, Any]:
    """`observed_percent` of an arm: its share of the calls of all arms; null before the first."""
    total = sum(arm.calls for arm in model.arms)
    return {
        "name": model.name,
        "upstream": model.upstream,
        "versions_mode": model.versions_mode,
        "promoted_version": model.promoted_version if model.has_promoted_version else None,
        "configured_version": model.configured_version if model.versions_mode == "managed" else None,
        "labels": dict(sorted(model.labels.items())),
        "arms": [
            {
                "name": arm.name,
                "version": arm.version if arm.has_version else None,
                "weight_percent": arm.weight_percent,
                "observed_percent": 100 * arm.calls / total if total else None,
                "calls": arm.calls,
                "errors": arm.errors,
            }
            for arm in model.arms
        ],
        "replicas": [
            {
                "address": replica.address,
                "up": replica.up,
                "in_flight": replica.in_flight,
                "versions": list(replica.versions),
            }
            for replica in model.replicas
        ],
        "batching": model.batching,
        "signatures": [
            {
                "name": signature.name,
                "version": signature.version,
                "batching": signature.batching,
                "reason": signature.reason or None,
                "poisoned_lanes": signature.poisoned_lanes,
                "poisoned_s": signature.poisoned_s,
            }
            for signature in model.signatures
        ],
        "mean_batch_rows": model.mean_batch_rows,
        "calls": model.calls,
        "errors": model.errors,
        "rollout": rollout_facts(model.rollout) if model.HasField("rollout") else None,
    }
