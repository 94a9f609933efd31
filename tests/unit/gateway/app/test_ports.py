"""One set of errors: the rollout's judge and `tidegate status` count the same."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.app.gateway import Gateway
from gateway.app.ports import RolloutPorts
from gateway.call import Call, Deadline
from gateway.errors import Failure, Fate, InvalidRequest, NoReplica, UpstreamFailed
from gateway.server.accounts import count_ended
from gateway.server.status import Code, status_of
from tests.unit.gateway.app.settings import settings_of

MANAGED = "models: {digits: {versions: managed, version: 1}}\n"


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    gateway = Gateway(settings_of(tmp_path, MANAGED), None, tmp_path / "state")
    yield gateway
    await gateway.close()


def end(gateway: Gateway, version: int, failure: Failure | None = None, code: Code = Code.OK) -> None:
    """A call of arm `default` on the version ends."""
    call = Call("Predict", b"", (), Deadline(), 0, lambda *_: None)
    call.model, call.arm, call.version = "digits", "default", version
    count_ended(gateway.counters, call, status_of(failure)[0] if failure is not None else code, failure)


async def test_the_judge_and_the_status_count_one_set_of_errors(gateway: Gateway) -> None:
    ports = RolloutPorts(gateway.world, gateway.context, gateway.counters)
    for failure in (
        None,
        UpstreamFailed(Code.INVALID_ARGUMENT, "this version takes nothing", Fate.ANSWERED),
        UpstreamFailed(Code.FAILED_PRECONDITION, "a table is not initialized", Fate.ANSWERED),
        NoReplica("none has it"),
        InvalidRequest("refused by the shield"),
    ):
        end(gateway, 2, failure)
    end(gateway, 2, code=Code.CANCELLED)
    end(gateway, 1)
    assert (ports.counts("digits", 2), ports.counts("digits", 1)) == ((4, 3), (1, 0))
    await gateway.world.start()
    [model] = gateway.report.status().models
    assert (model.calls, model.errors) == (7, 3)
