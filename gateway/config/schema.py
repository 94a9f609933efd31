"""The whole of gateway.yaml as a schema; every key has a type, a default and a description (docs/configuration.md)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gateway.config.http2_section import Http2
from gateway.config.sections import Batching, Http, ModelBatching, Section, Server, Shield, Upstream

# Model, upstream and arm names are metric labels and path parts.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]+$", max_length=128)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.-]+$", max_length=128)]
Version = Annotated[int, Field(ge=0, le=2**63 - 1)]


class Arm(Section):
    """One side of a split. With neither version nor version_label it follows the promoted version and its rollouts."""

    name: Name
    """The arm's name in metrics and in the tidegate-arm header."""
    weight: Annotated[float, Field(ge=0, le=100)]
    """Percent of the users, in steps of 0.01; all arms together 100."""
    version: Version | None = None
    """The version this arm is pinned to."""
    version_label: str | None = None
    """The label, declared in labels, whose version this arm is pinned to."""


class Split(Section):
    """How users are shared among arms: the same user always meets the same arm."""

    salt: Annotated[str, Field(max_length=128)] | None = None
    """Mixed into the hash of keys; another salt deals the users anew. null is the model's name."""
    key_header: HeaderName | None = None
    """Header that holds the user's key, one of routing_headers; null is the global key_header."""
    arms: Annotated[list[Arm], Field(min_length=1, max_length=64)]
    """The arms. The first is the base that the others grow from; add new arms at the end."""


class HeaderRule(Section):
    """Sends calls with a certain header to one arm, whatever their key."""

    header: HeaderName
    """Header to look at, one of routing_headers."""
    value: str
    """The value it must have, exactly."""
    arm: Name
    """The arm such calls go to."""


class Model(Section):
    """One servable and how its calls are routed."""

    upstream: Name | None = None
    """The upstream that serves it; null is default_upstream, or the only upstream there is."""
    versions: Literal["follow", "managed"] = "follow"
    """follow: the highest version AVAILABLE on every replica; managed: only a rollout moves it."""
    version: Version | None = None
    """The version to start from, for managed; afterwards rollouts move it."""
    labels: dict[str, Version] = Field(default_factory=dict)
    """Version labels resolved by the gateway: label to version. Other labels are forwarded as sent."""
    split: Split | None = None
    """Shares users among arms; null sends all to the promoted version."""
    header_rules: Annotated[list[HeaderRule], Field(max_length=64)] = Field(default_factory=list)
    """Tried in order before the split; the first that fits decides."""
    batching: ModelBatching = ModelBatching()
    """What differs from the global batching."""


class Configuration(Section):
    """The file as a whole."""

    server: Server = Server()
    """Where clients connect."""
    http: Http = Http()
    """Metrics and health pages."""
    http2: Http2 = Http2()
    """Bounds of our own transport."""
    upstreams: Annotated[dict[Name, Upstream], Field(min_length=1)]
    """Groups of model servers, by a name of your choice."""
    default_upstream: Name | None = None
    """Where models not listed below are looked for, as versions: follow; null answers NOT_FOUND for them."""
    models: dict[Name, Model] = Field(default_factory=dict)
    """Servables by name."""
    batching: Batching = Batching()
    """How calls are joined, for all models."""
    routing_headers: Annotated[list[HeaderName], Field(max_length=64)] = Field(default_factory=lambda: ["x-user-id"])
    """The only request headers that may decide a route."""
    key_header: HeaderName = "x-user-id"
    """Header that holds the user's key where a split names no other; then PredictRequest.client_id, then chance."""
    shield: Shield = Shield()
    """Protection of the replicas."""
