"""The schema's sections about servers: listening, upstreams, batching, the shield. Every key says what it is for."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field


class Section(BaseModel):
    """Strict: no key that is not named here, no text where a number is wanted."""

    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


Text = Annotated[str, Field(min_length=1)]
Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=1)]
CountOrZero = Annotated[int, Field(ge=0)]
Ratio = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(gt=0)]
SecondsOrZero = Annotated[float, Field(ge=0)]


class ServerTls(Section):
    """Certificates of the client port."""

    cert_file: str
    """PEM file with the gateway's certificate chain, relative to this file."""
    key_file: str
    """PEM file with its private key."""
    client_ca_file: str | None = None
    """PEM file with the authorities whose client certificates are required; null asks clients for none."""


class Server(Section):
    """Where clients of TensorFlow Serving connect. Changes here need a restart."""

    host: Text = "127.0.0.1"
    """Address to listen on; 0.0.0.0 is every IPv4 one of this machine."""
    port: Port = 8500
    """TCP port for gRPC; 0 takes a free one."""
    unix_socket: Text | None = None
    """Path of a Unix socket to listen on as well."""
    transport: Literal["http2", "grpcio"] = "http2"
    """The gRPC implementation that serves clients: http2 is our own, grpcio the reference, many times dearer."""
    max_message_bytes: Annotated[int, Field(ge=1024, le=2**31 - 1)] = 256 * 1024 * 1024
    """Largest message taken from clients and replicas, in bytes."""
    max_concurrent_calls: Count = 4096
    """Unfinished calls at once in this process; more are shed with RESOURCE_EXHAUSTED."""
    default_timeout_s: Seconds | None = None
    """Timeout in seconds for calls that bring no deadline; null lets them wait."""
    drain_delay_s: SecondsOrZero = 0.0
    """Seconds between saying "not ready" and refusing new calls, for load balancers to notice."""
    drain_timeout_s: Seconds = 30.0
    """Seconds that calls in flight get to finish at shutdown."""
    allow_reload_config: bool = False
    """Whether clients may call HandleReloadConfigRequest on this port."""
    tls: ServerTls | None = None
    """Certificates for TLS; null serves plain text."""


class Http(Section):
    """Metrics and health pages. Changes here need a restart."""

    host: Text = "127.0.0.1"
    """Address of /metrics, /healthz and /readyz."""
    port: Port = 9090
    """TCP port of these pages; 0 takes a free one."""


class Retry(Section):
    """How failed calls are tried again: always on another replica, within the caller's deadline."""

    budget_ratio: Ratio = 0.2
    """Retries allowed per call, as a ratio 0..1."""
    min_per_s: Annotated[float, Field(ge=0)] = 10.0
    """Retries per second that are always allowed."""
    max_attempts: Annotated[int, Field(ge=1, le=10)] = 3
    """Attempts for one call, the first one counted."""


class UpstreamTls(Section):
    """TLS towards replicas; an empty section trusts the system's authorities."""

    ca_file: str | None = None
    """PEM file with the authorities that sign the replicas' certificates; null takes the system's."""
    cert_file: str | None = None
    """PEM file with the certificate shown to replicas; together with key_file."""
    key_file: str | None = None
    """PEM file with its private key."""
    server_name: str | None = None
    """Name that the replicas' certificates must bear, where it is not the host's."""


class Upstream(Section):
    """A group of model servers that serve the same models."""

    replicas: Annotated[list[str], Field(min_length=1)]
    """Addresses as "host:port"; a host name with several addresses is several replicas."""
    models_config: Text | None = None
    """The replicas' --model_config_file, which rollouts rewrite, relative to this file. null: no rollouts here."""
    tls: UpstreamTls | None = None
    """TLS towards the replicas; null speaks plain text."""
    max_in_flight_per_replica: Count = 32
    """Calls at once on one replica; keep it below the replica's --grpc_max_threads."""
    max_queued_calls: Count = 1024
    """Calls that may wait for a place on a replica; more are shed."""
    connect_timeout_s: Seconds = 2.0
    """Seconds to connect to a replica."""
    status_poll_interval_s: Seconds = 0.5
    """Seconds between looks at the versions a replica has AVAILABLE."""
    resolve_interval_s: Seconds = 5.0
    """Seconds between look-ups of a replica's host name."""
    retry: Retry = Retry()
    """How failed calls are tried again."""
    transport: Literal["http2", "grpcio"] = "http2"
    """The gRPC implementation towards these replicas, as in server."""
    connections_per_replica: Annotated[int, Field(ge=1, le=64)] = 1
    """Connections to each replica, for transport http2. One costs least; more share large messages out."""


class Batching(Section):
    """How calls are joined. The names that TensorFlow Serving has too mean what they mean there; sizes count rows."""

    mode: Literal["auto", "on", "off"] = "auto"
    """auto joins once rows are proved independent of each other, on without proof, off never."""
    max_batch_size: Count = 64
    """Rows of one joined call, at most."""
    max_batch_bytes: Count = 32 * 1024 * 1024
    """Bytes of input values in one joined call, at most."""
    max_batch_members: Count = 256
    """Client calls in one joined call, at most."""
    batch_timeout_micros: CountOrZero = 0
    """How long the first call of an unfilled batch waits although a slot is free, in microseconds."""
    allowed_batch_sizes: list[int] = Field(default_factory=list)
    """Row counts to send, increasing, the last equal to max_batch_size; joined calls are padded up to the next."""
    max_enqueued_batches: Count = 100
    """Full batches that may wait in one lane; more calls are shed."""
    slots_per_replica: Count = 2
    """Joined calls at once on one replica."""
    max_lanes: Count = 256
    """Lanes (signature, output filter, input shapes) of one model at once; calls that need one more travel singly."""
    proof_rtol: Ratio = 1e-3
    """How far joined answers may be from lone ones while joining is being proved, relative to the value."""
    proof_atol: Ratio = 1e-5
    """The same in absolute terms, for answers of about 1, less where all are smaller; the larger of the two counts."""
    enable_large_batch_splitting: bool = False
    """Send a call of more rows than a joined call may have in pieces, and answer it as one; else it travels alone."""
    max_execution_batch_size: Count | None = None
    """Rows of one joined call, at most, while splitting; up to max_batch_size, which null means."""
    pad_variable_length_inputs: bool = False
    """Let inputs meet whose lengths differ where the signature leaves them open, each padded with its first element."""
    latency_target_s: Seconds | None = None
    """Seconds that joined calls should be in flight at most: late ones get smaller, at last fewer. null: no target."""


class ModelBatching(Section):
    """What differs for this model; null, or a key left out, keeps the global value."""

    mode: Literal["auto", "on", "off"] | None = None
    """As in batching."""
    max_batch_size: Count | None = None
    """As in batching."""
    max_batch_bytes: Count | None = None
    """As in batching."""
    max_batch_members: Count | None = None
    """As in batching."""
    batch_timeout_micros: CountOrZero | None = None
    """As in batching."""
    allowed_batch_sizes: list[int] | None = None
    """As in batching."""
    max_enqueued_batches: Count | None = None
    """As in batching."""
    max_lanes: Count | None = None
    """As in batching."""
    proof_rtol: Ratio | None = None
    """As in batching."""
    proof_atol: Ratio | None = None
    """As in batching."""
    enable_large_batch_splitting: bool | None = None
    """As in batching. false takes max_execution_batch_size away too, where it is global."""
    max_execution_batch_size: Count | None = None
    """As in batching."""
    pad_variable_length_inputs: bool | None = None
    """As in batching."""
    latency_target_s: Seconds | None = None
    """As in batching."""


class Shield(Section):
    """Protection of the replicas from calls that would kill or stall them."""

    check_inputs: bool = True
    """Check names, dtypes, ranks and known dimensions against the signature before a Predict is sent."""
    max_tensor_bytes: Count = 1024 * 1024 * 1024
    """Largest input tensor once expanded, in bytes; a few bytes of request can stand for terabytes."""
    suspect_block_s: SecondsOrZero = 60.0
    """Seconds for which calls are refused that look like one that was in flight at two replicas' deaths."""
