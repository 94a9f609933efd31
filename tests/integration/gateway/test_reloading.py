"""A changed file takes effect without a restart; a wrong one changes nothing, and says everything that is wrong."""

from __future__ import annotations

import signal
import stat
from pathlib import Path

import grpc
import pytest

from protos.stubs.tidegate.admin.v1 import admin_pb2, admin_pb2_grpc
from protos.stubs.tidegate.wire.v1 import management_pb2
from tests.fakes.behaviour import AVAILABLE, FakeModel, FakeServing
from tests.fakes.gateway_process import GatewayProcess, refusal, write_config
from tests.fakes.tensors import RELOAD, predict_message
from tests.fakes.waiting import until
from tests.integration.gateway.conftest import StartGateway, StartReplica

pytestmark = pytest.mark.slow

VERSION_1 = "models: {digits: {versions: managed, version: 1}}\n"
VERSION_2 = "models: {digits: {versions: managed, version: 2}}\n"
FIVE_MISTAKES = """
modles: {}
shield: {check_inputs: 7}
models:
  digits: {versions: sometimes, upstream: pond}
  "b/d": {}
"""


async def status(gateway: GatewayProcess) -> admin_pb2.GetStatusResponse:
    """What `tidegate status` reads."""
    async with grpc.aio.insecure_channel(f"unix:{gateway.state_dir / 'admin.sock'}") as channel:
        stub = admin_pb2_grpc.AdminStub(channel)  # type: ignore[no-untyped-call]  # generated code
        answer: admin_pb2.GetStatusResponse = await stub.GetStatus(admin_pb2.GetStatusRequest(), timeout=60)
        return answer


async def test_content_and_sighup_reload_and_mistakes_leave_the_old_table(
    start_replica: StartReplica, start_gateway: StartGateway, tmp_path: Path
) -> None:
    replica = await start_replica(FakeServing({"digits": FakeModel({1: AVAILABLE, 2: AVAILABLE})}))
    config = tmp_path / "gateway.yaml"
    write_config(config, [replica.address], VERSION_1)
    gateway = await start_gateway("--config", str(config))
    assert (await gateway.predict(predict_message()))[0] == 1
    assert (await gateway.get("/readyz"))[0] == 200

    write_config(config, [replica.address], VERSION_2)  # seen by its content
    await gateway.metric_reaches(1, "tidegate_config_reloads_total", outcome="applied")
    assert (await gateway.predict(predict_message()))[0] == 2

    write_config(config, [replica.address], FIVE_MISTAKES)
    gateway.signal(signal.SIGHUP)
    await gateway.metric_reaches(1, "tidegate_config_reloads_total", outcome="refused")
    assert (await gateway.predict(predict_message()))[0] == 2
    [headline, *problems] = (await status(gateway)).problems
    assert headline.endswith(": 5 problems")
    for place in ("modles", "shield.check_inputs", "models.digits.versions", "models.digits.upstream", "b/d"):
        assert any(place in problem for problem in problems), place

    write_config(config, [replica.address], VERSION_1)
    gateway.signal(signal.SIGHUP)
    await gateway.metric_reaches(2, "tidegate_config_reloads_total", outcome="applied")
    assert (await gateway.predict(predict_message()))[0] == 1
    assert list((await status(gateway)).problems) == []


async def test_the_shield_and_the_replicas_follow_the_file(
    start_replica: StartReplica, start_gateway: StartGateway, tmp_path: Path
) -> None:
    old, new = await start_replica(), await start_replica()
    config = tmp_path / "gateway.yaml"
    write_config(config, [old.address])
    gateway = await start_gateway("--config", str(config))
    await gateway.predict(predict_message())
    wide = predict_message([1.0] * 3, shape=(1, 3))
    assert (await refusal(gateway.predict(wide)))[0] is grpc.StatusCode.INVALID_ARGUMENT

    write_config(config, [new.address], "default_upstream: pool\nshield: {check_inputs: false}\n")
    await gateway.metric_reaches(1, "tidegate_config_reloads_total", outcome="applied")
    await gateway.predict(wide)
    await until(new.calls, "the new replica to be called")
    seen = len(old.calls())
    for _ in range(5):
        await gateway.predict(predict_message())
    assert len(old.calls()) == seen


async def test_only_the_owner_may_open_the_admin_socket(
    start_replica: StartReplica, start_gateway: StartGateway, tmp_path: Path
) -> None:
    replica = await start_replica()
    config = tmp_path / "gateway.yaml"
    write_config(config, [replica.address], server=", allow_reload_config: true")
    gateway = await start_gateway("--config", str(config))
    assert stat.S_IMODE((gateway.state_dir / "admin.sock").stat().st_mode) == 0o600
    assert (await status(gateway)).config_path == str(config)

    second = GatewayProcess(tmp_path / "second", "--config", str(config))
    second.folder.mkdir()
    second.state_dir = gateway.state_dir
    await second.spawn()
    assert await second.wait() == 2
    assert "another gateway is running with this state directory" in second.log

    reload = management_pb2.ReloadConfigRequest()
    entry = reload.config.model_config_list.config.add(name="digits", model_platform="tensorflow")
    entry.model_version_policy.specific.versions.append(3)
    await gateway.call(RELOAD, reload.SerializeToString())  # allowed here
    assert replica.serving.models["digits"].available() == [3]
