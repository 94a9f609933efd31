"""What keeps a gateway from starting is one clear message and exit status 2, never a traceback."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.fakes.gateway_process import GatewayProcess
from tests.integration.gateway.conftest import flags

pytestmark = pytest.mark.slow

NOBODY = "127.0.0.1:1"  # no replica is needed to start


async def refused(gateway: GatewayProcess) -> str:
    """What a gateway that can't start says."""
    await gateway.spawn()
    assert await gateway.wait() == 2, gateway.log
    lines = [line for line in gateway.log.splitlines() if not line.startswith('{"')]
    assert "Traceback" not in gateway.log
    return "\n".join(lines)


async def test_a_busy_grpc_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        said = await refused(GatewayProcess(tmp_path, "--upstream", NOBODY, "--port", port, "--http-port", "0"))
    assert said == f"gateway: gRPC port 127.0.0.1:{port} cannot be opened: Address already in use; give a free --port"


async def test_a_busy_http_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = str(busy.getsockname()[1])
        said = await refused(GatewayProcess(tmp_path, "--upstream", NOBODY, "--port", "0", "--http-port", port))
    assert said.startswith(f"gateway: HTTP port 127.0.0.1:{port} cannot be opened")
    assert said.count("\n") == 0


async def test_a_state_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, *flags(NOBODY))
    gateway.state_dir = Path("/dev/full/state")
    assert (await refused(gateway)).startswith("gateway: /dev/full/state: cannot be used as state directory")


async def test_a_port_file_on_a_full_disk_is_named(tmp_path: Path) -> None:
    (tmp_path / ".ports.json.tmp").symlink_to("/dev/full")
    said = await refused(GatewayProcess(tmp_path, *flags(NOBODY)))
    assert said == (
        f"gateway: {tmp_path}/ports.json: cannot be written: No space left on device; give another --port-file"
    )


async def test_neither_or_both_of_config_and_upstream_is_refused(tmp_path: Path) -> None:
    said = await refused(GatewayProcess(tmp_path))
    assert said == "gateway: give either --config FILE or --upstream HOST:PORT[,...]"


async def test_five_mistakes_are_told_at_once(tmp_path: Path) -> None:
    config = tmp_path / "gateway.yaml"
    config.write_text(
        """
server: {prot: 8500}
upstreams: {pool: {replicas: ["nowhere"]}}
models:
  digits:
    versions: managed
    split: {arms: [{name: a, weight: 60}, {name: b, weight: 30, version_label: canery}]}
"""
    )
    said = await refused(GatewayProcess(tmp_path, "--config", str(config)))
    assert said.splitlines()[0].endswith(": 5 problems")
    for hint in ('did you mean "port"?', '"nowhere"', "version", "sum to 90", '"canery"'):
        assert hint in said
