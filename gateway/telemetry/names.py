"""The one place for metric names: each with its help text, kind and labels. They are public API (docs/metrics.md)."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


class Kind(enum.StrEnum):
    """Prometheus' types that we use."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family. `buckets`: upper bounds of a histogram, in the unit of its name, without +Inf.

    Counters are counted in whole numbers; `divisor` of them are one unit of the name (1,000,000 us are a second).
    """

    name: str
    help: str
    kind: Kind
    labels: tuple[str, ...]
    buckets: tuple[float, ...] = ()
    divisor: int = 1


REQUEST_SECONDS_BUCKETS: Final = (
    0.0005, 0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0, 30.0,
)  # fmt: skip
US_PER_S: Final = 1_000_000
BATCH_ROWS_BUCKETS: Final = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0)

REQUESTS: Final = Metric(
    "tidegate_requests_total",
    "Client calls that ended, by the gRPC code they ended with.",
    Kind.COUNTER,
    ("model", "method", "arm", "version", "code"),
)
JUDGED_CALLS: Final = Metric(
    "tidegate_judged_calls_total",
    "Client calls that tell how a version does, by outcome: what rollouts judge and `tidegate status` shows as errors.",
    Kind.COUNTER,
    ("model", "arm", "version", "outcome"),
)
REQUEST_SECONDS: Final = Metric(
    "tidegate_request_seconds",
    "Seconds from a call's arrival to its end, errors included.",
    Kind.HISTOGRAM,
    ("model", "method"),
    REQUEST_SECONDS_BUCKETS,
)
IN_FLIGHT: Final = Metric(
    "tidegate_in_flight", "Calls now in flight on a replica.", Kind.GAUGE, ("upstream", "replica")
)
BATCH_ROWS: Final = Metric(
    "tidegate_batch_rows",
    "Rows in each call that batching sent upstream, a lone member's included, padding not counted.",
    Kind.HISTOGRAM,
    ("model", "version"),
    BATCH_ROWS_BUCKETS,
)
BATCH_MEMBERS: Final = Metric(
    "tidegate_batch_members_total",
    "Client calls that left through batching; pieces of split ones, and members of halved joins, each time.",
    Kind.COUNTER,
    ("model", "version"),
)
BATCH_PADDING_ROWS: Final = Metric(
    "tidegate_batch_padding_rows_total",
    "Rows added to joined calls to reach an allowed batch size.",
    Kind.COUNTER,
    ("model", "version"),
)
BATCH_QUEUE_SECONDS: Final = Metric(
    "tidegate_batch_queue_seconds_total",
    "Seconds that client calls waited in lanes, summed over the calls that left through batching.",
    Kind.COUNTER,
    ("model", "version"),
    divisor=US_PER_S,
)
BATCH_SLOT_SECONDS: Final = Metric(
    "tidegate_batch_slot_seconds_total",
    "Seconds that batches held a slot, summed over the batches.",
    Kind.COUNTER,
    ("model", "version"),
    divisor=US_PER_S,
)
BATCH_LEFT: Final = Metric(
    "tidegate_batch_left_total",
    "Batches that left their lane, by what let them go.",
    Kind.COUNTER,
    ("model", "version", "reason"),
)
BATCH_DROPPED: Final = Metric(
    "tidegate_batch_dropped_total",
    "Client calls that ended in their lane, or before it, without a batch, by the reason.",
    Kind.COUNTER,
    ("model", "version", "reason"),
)
BATCH_EVENTS: Final = Metric(
    "tidegate_batch_events_total",
    "What happened to batches beyond being sent and answered, by the event.",
    Kind.COUNTER,
    ("model", "version", "event"),
)
BATCHING_STATE: Final = Metric(
    "tidegate_batching_state",
    "Always 1; `state` says whether a signature's calls are joined now.",
    Kind.GAUGE,
    ("model", "version", "signature", "state"),
)
BATCH_POISONED_LANES: Final = Metric(
    "tidegate_batch_poisoned_lanes",
    "Lanes that run unjoined now, for a while, because a member often made their joined calls fail.",
    Kind.GAUGE,
    ("model", "version", "signature"),
)
BATCH_SLOTS: Final = Metric(
    "tidegate_batch_slots",
    "Batches that may be in flight at once on the replicas that are up.",
    Kind.GAUGE,
    ("upstream",),
)
BATCH_SLOTS_IN_USE: Final = Metric("tidegate_batch_slots_in_use", "Batches now in flight.", Kind.GAUGE, ("upstream",))
UNJOINED: Final = Metric(
    "tidegate_unjoined_total", "Predict calls forwarded singly, by the reason.", Kind.COUNTER, ("model", "reason")
)
RETRIES: Final = Metric(
    "tidegate_retries_total",
    "Calls tried again on another replica, by the reason.",
    Kind.COUNTER,
    ("upstream", "reason"),
)
SHED: Final = Metric("tidegate_shed_total", "Calls refused because a bound was reached.", Kind.COUNTER, ("reason",))
SHIELD_REFUSED: Final = Metric(
    "tidegate_shield_refused_total",
    "Predict calls refused before they could hurt a replica.",
    Kind.COUNTER,
    ("model", "reason"),
)
SUSPECTS: Final = Metric(
    "tidegate_suspects_total",
    "Calls in flight on a replica that died, by what became of them.",
    Kind.COUNTER,
    ("outcome",),
)
REPLICA_UP: Final = Metric(
    "tidegate_replica_up",
    "1 while the replica is connected and takes calls, else 0.",
    Kind.GAUGE,
    ("upstream", "replica"),
)
VERSION_AVAILABLE: Final = Metric(
    "tidegate_version_available",
    "Replicas that have the model's version AVAILABLE.",
    Kind.GAUGE,
    ("upstream", "model", "version"),
)
ROLLOUT_PERCENT: Final = Metric(
    "tidegate_rollout_percent",
    "Percent of the promoted version's users whom the running rollout has moved; absent without a rollout.",
    Kind.GAUGE,
    ("model",),
)
TRANSPORT_REFUSED: Final = Metric(
    "tidegate_transport_refused_total",
    "What the gateway's own transport turned away, by the side it came from and the bound or rule it broke.",
    Kind.COUNTER,
    ("side", "bound"),
)
CONNECTIONS: Final = Metric("tidegate_connections", "Clients connected now (transport http2).", Kind.GAUGE, ())
BUFFERED_BYTES: Final = Metric(
    "tidegate_buffered_bytes", "Bytes of messages that the transport holds now.", Kind.GAUGE, ()
)
CONFIG_RELOADS: Final = Metric(
    "tidegate_config_reloads_total",
    "Configuration reloads, by outcome: applied or refused.",
    Kind.COUNTER,
    ("outcome",),
)
BUILD_INFO: Final = Metric(
    "tidegate_build_info",
    "Always 1; the labels are the gateway's version and its build: compiled or interpreted.",
    Kind.GAUGE,
    ("version", "build"),
)

ALL: Final = (
    REQUESTS,
    JUDGED_CALLS,
    REQUEST_SECONDS,
    IN_FLIGHT,
    BATCH_ROWS,
    BATCH_MEMBERS,
    BATCH_PADDING_ROWS,
    BATCH_QUEUE_SECONDS,
    BATCH_SLOT_SECONDS,
    BATCH_LEFT,
    BATCH_DROPPED,
    BATCH_EVENTS,
    BATCHING_STATE,
    BATCH_POISONED_LANES,
    BATCH_SLOTS,
    BATCH_SLOTS_IN_USE,
    UNJOINED,
    RETRIES,
    SHED,
    SHIELD_REFUSED,
    SUSPECTS,
    REPLICA_UP,
    VERSION_AVAILABLE,
    ROLLOUT_PERCENT,
    TRANSPORT_REFUSED,
    CONNECTIONS,
    BUFFERED_BYTES,
    CONFIG_RELOADS,
    BUILD_INFO,
)
METRICS: Final[Mapping[str, str]] = MappingProxyType({metric.name: metric.help for metric in ALL})

JUDGED_OK: Final = "ok"
JUDGED_ERROR: Final = "error"
UNKNOWN_MODEL: Final = "(unknown)"  # stands for every model name that configuration or an upstream doesn't know
OVERFLOW: Final = "(other)"  # stands for label values beyond a counter's bound
