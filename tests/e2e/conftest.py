"""Models and replicas that all these tests share, and gateways that each takes for itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from google.protobuf import text_format

from tests.e2e.programs import START_S, Gateway, Replica, config_of, free_port, python, until

MANAGED = """\
server: {{host: 127.0.0.1, port: {port}}}
http: {{host: 127.0.0.1, port: 0}}
upstreams:
  main: {{replicas: [{replicas}], models_config: {models_config}, status_poll_interval_s: 0.2}}
models:
  half:
    upstream: main
    versions: managed
    version: 1
    split:
      salt: e2e
      key_header: x-user-id
      arms:
        - {{name: stable, weight: 75}}
        - {{name: pinned, weight: 25, version: 2}}
  conv: {{upstream: main}}
"""


@dataclass(frozen=True)
class Pair:
    """Two replicas that were started with one models_config."""

    models: Path
    models_config: Path
    replicas: tuple[Replica, Replica]

    @property
    def addresses(self) -> list[str]:
        return [replica.address for replica in self.replicas]

    def available(self) -> list[set[int]]:
        """Versions of half at each replica."""
        return [replica.available("half") for replica in self.replicas]

    def reset(self) -> None:
        """Both run and have versions 1 and 2 of half, whatever a test did to them."""
        config = config_of(self.models, (1, 2))
        self.models_config.write_text(text_format.MessageToString(config), encoding="utf-8")
        for replica in self.replicas:
            if not replica.child.running:
                replica.start()
        for replica in self.replicas:
            replica.child.wait_ready(START_S)
            replica.reload(config)
        until(lambda: self.available() == [{1, 2}, {1, 2}], "versions 1 and 2 at both replicas")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that tests.e2e.savedmodels writes."""
    folder = tmp_path_factory.mktemp("m")
    done = python("-m", "tests.e2e.savedmodels", str(folder))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="session")
def both(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("r")
    config = folder / "models.config"
    pair = Pair(models, config, (Replica("a", folder, config), Replica("b", folder, config)))
    try:
        yield pair
    finally:
        for replica in pair.replicas:
            replica.close()


@pytest.fixture
def pair(both: Pair) -> Pair:
    """The shared replicas, as they were at the beginning."""
    both.reset()
    return both


Start = Callable[..., Gateway]


@pytest.fixture
def start_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start a gateway with these arguments; all are ended with the test."""
    started: list[Gateway] = []

    def start(*arguments: str) -> Gateway:
        gateway = Gateway(tmp_path_factory.mktemp("g"), *arguments)
        started.append(gateway)
        gateway.start()
        return gateway

    yield start
    for gateway in started:
        gateway.close()


@pytest.fixture
def managed(pair: Pair, start_gateway: Start, tmp_path: Path) -> Gateway:
    """A gateway that moves versions only by rollout, on a port that it keeps: 75 % of users on 1, the others on 2."""
    replicas = ", ".join(f'"{address}"' for address in pair.addresses)
    config = tmp_path / "gateway.yaml"
    config.write_text(
        MANAGED.format(port=free_port(), replicas=replicas, models_config=pair.models_config), encoding="utf-8"
    )
    gateway = start_gateway("--config", str(config))
    until(lambda: gateway.ready, "a gateway that is ready")
    return gateway


@pytest.fixture
def plain(pair: Pair, start_gateway: Start) -> Gateway:
    """A gateway without a file before both replicas: it finds their models and follows their versions."""
    gateway = start_gateway("--upstream", ",".join(pair.addresses), "--port", "0", "--http-port", "0")
    until(lambda: gateway.ready, "a gateway that is ready")
    return gateway
