"""From a valid configuration to Settings: policies and routes are made here, and their own refusals are collected."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from gateway.batching.policy import BatchMode, BatchPolicy
from gateway.config import schema, sections
from gateway.config.batching_rules import merged_keys
from gateway.config.http2_section import Http2
from gateway.config.problems import Place, Problem
from gateway.config.settings import (
    Http2Settings,
    HttpSettings,
    ServerSettings,
    ServerTlsFiles,
    Settings,
    ShieldSettings,
    UpstreamSettings,
)
from gateway.http2.bounds import Bounds
from gateway.limits.retry_budget import RetryPolicy
from gateway.limits.suspects import SuspectPolicy
from gateway.routing.route import DEFAULT_BATCHING, HeaderRule, ModelRoute, VersionMode
from gateway.routing.split import Arm, Split
from gateway.routing.table import RouteTable
from gateway.upstream.policy import TlsFiles, Transport, UpstreamPolicy

Built = TypeVar("Built")


class Builder:
    """Builds the parts of one configuration; what a part refuses becomes a problem at its place."""

    def __init__(self, configuration: schema.Configuration, base_dir: Path) -> None:
        self.problems: list[Problem] = []
        self._configuration = configuration
        self._base_dir = base_dir

    def settings(self, source: str, content_hash: str) -> Settings | None:
        """The settings; None when `problems` says why not."""
        configuration = self._configuration
        server = self._server(configuration.server)
        http2 = self._http2(configuration.http2)
        upstreams = {name: self._upstream(name, given) for name, given in configuration.upstreams.items()}
        batching = self._batching()
        routes = [self._route(name, given, name in batching) for name, given in configuration.models.items()]
        if self.problems or http2 is None:
            return None
        return Settings(
            source=source,
            content_hash=content_hash,
            server=server,
            http=HttpSettings(configuration.http.host, configuration.http.port),
            http2=http2,
            upstreams=MappingProxyType({name: built for name, built in upstreams.items() if built}),
            table=RouteTable.of([route for route in routes if route], configuration.default_upstream),
            batching=MappingProxyType(batching),
            shield=ShieldSettings(configuration.shield.check_inputs, configuration.shield.max_tensor_bytes),
        )

    def _server(self, given: sections.Server) -> ServerSettings:
        tls = None
        if given.tls:
            place: Place = ("server", "tls")
            client_ca = given.tls.client_ca_file
            tls = ServerTlsFiles(
                self._file(given.tls.cert_file, (*place, "cert_file")),
                self._file(given.tls.key_file, (*place, "key_file")),
                self._file(client_ca, (*place, "client_ca_file")) if client_ca else None,
            )
        return ServerSettings(
            host=given.host,
            port=given.port,
            unix_socket=self._path(given.unix_socket),
            transport=given.transport,
            max_message_bytes=given.max_message_bytes,
            max_concurrent_calls=given.max_concurrent_calls,
            default_timeout_s=given.default_timeout_s,
            drain_delay_s=given.drain_delay_s,
            drain_timeout_s=given.drain_timeout_s,
            allow_reload_config=given.allow_reload_config,
            tls=tls,
        )

    def _http2(self, given: Http2) -> Http2Settings | None:
        keys = given.model_dump(exclude={"max_connections", "max_streaming_calls", "max_buffered_bytes"})
        largest = self._configuration.server.max_message_bytes
        bounds = self._tried(("http2",), lambda: Bounds(max_message_bytes=largest, **keys))
        if bounds is None:
            return None
        return Http2Settings(bounds, given.max_connections, given.max_streaming_calls, given.max_buffered_bytes)

    def _upstream(self, name: str, given: sections.Upstream) -> UpstreamSettings | None:
        place: Place = ("upstreams", name)
        tls = self._upstream_tls(given.tls, (*place, "tls")) if given.tls else None
        retry, shield = given.retry, self._configuration.shield
        policy = self._tried(
            place,
            lambda: UpstreamPolicy(
                max_in_flight_per_replica=given.max_in_flight_per_replica,
                max_queued_calls=given.max_queued_calls,
                max_message_bytes=self._configuration.server.max_message_bytes,
                connect_timeout_s=given.connect_timeout_s,
                status_poll_interval_s=given.status_poll_interval_s,
                resolve_interval_s=given.resolve_interval_s,
                retry=RetryPolicy(retry.budget_ratio, retry.min_per_s, retry.max_attempts),
                suspects=SuspectPolicy(block_s=shield.suspect_block_s),
                tls=tls,
                transport=Transport(given.transport),
                connections_per_replica=given.connections_per_replica,
            ),
        )
        return (
            UpstreamSettings(name, tuple(given.replicas), self._path(given.models_config), policy) if policy else None
        )

    def _upstream_tls(self, given: sections.UpstreamTls, place: Place) -> TlsFiles | None:
        files = {key: getattr(given, key) for key in ("ca_file", "cert_file", "key_file")}
        found = {key: str(self._file(path, (*place, key))) if path else None for key, path in files.items()}
        return self._tried(place, lambda: TlsFiles(**found, server_name=given.server_name))

    def _batching(self) -> dict[str, BatchPolicy]:
        """The policy of all models, and of each model that says something of its own."""
        everyone = self._configuration.batching.model_dump()
        wanted: dict[str, tuple[Place, dict[str, Any]]] = {DEFAULT_BATCHING: (("batching",), everyone)}
        for name, model in self._configuration.models.items():
            own = model.batching.model_dump(exclude_none=True)
            if own:
                wanted[name] = (("models", name, "batching"), merged_keys(own, everyone))
        policies = {name: self._tried(place, partial(_batch_policy, keys)) for name, (place, keys) in wanted.items()}
        return {name: policy for name, policy in policies.items() if policy}

    def _route(self, name: str, given: schema.Model, own_batching: bool) -> ModelRoute | None:
        configuration = self._configuration
        place: Place = ("models", name)
        split = self._split(name, given.split, given.labels) if given.split else None
        key_header = given.split.key_header if given.split else None
        return self._tried(
            place,
            lambda: ModelRoute(
                name=name,
                upstream=given.upstream or configuration.default_upstream or next(iter(configuration.upstreams)),
                mode=VersionMode(given.versions),
                version=given.version,
                labels=MappingProxyType(dict(given.labels)),
                split=split,
                key_header=key_header or configuration.key_header,
                header_rules=tuple(HeaderRule(rule.header, rule.value, rule.arm) for rule in given.header_rules),
                batching=name if own_batching else DEFAULT_BATCHING,
            ),
        )

    def _split(self, model: str, given: schema.Split, labels: dict[str, int]) -> Split | None:
        arms = tuple(
            Arm(arm.name, arm.weight, labels[arm.version_label] if arm.version_label is not None else arm.version)
            for arm in given.arms
        )
        salt = model if given.salt is None else given.salt
        return self._tried(("models", model, "split"), lambda: Split(salt, arms))

    def _path(self, given: str | None) -> Path | None:
        return self._base_dir / given if given is not None else None

    def _file(self, given: str, place: Place) -> Path:
        path = self._base_dir / given
        if not path.is_file():
            self.problems.append(Problem(place, f"no file at {path}"))
        return path

    def _tried(self, place: Place, make: Callable[[], Built]) -> Built | None:
        try:
            return make()
        except ValueError as refusal:
            self.problems.append(Problem(place, str(refusal)))
            return None


def _batch_policy(keys: dict[str, Any]) -> BatchPolicy:
    """The policy with the keys of the batching section, which bear its fields' names."""
    return BatchPolicy(
        **{**keys, "mode": BatchMode(keys["mode"]), "allowed_batch_sizes": tuple(keys["allowed_batch_sizes"])}
    )
