"""`tidegate status` against a real admin server."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner

from cli.main import main
from gateway.rollout.preflight import Wish
from protos.stubs.tidegate.admin.v1 import admin_pb2
from tests.unit.cli.gateway_thread import running_gateway
from tests.unit.gateway.admin.fakes import FakeRollouts

STATUS = admin_pb2.GetStatusResponse(
    version="0.1.0",
    uptime_s=12.3,
    config_path="gateway.yaml",
    models=[
        admin_pb2.ModelStatus(
            name="digits",
            upstream="main",
            versions_mode="managed",
            promoted_version=3,
            has_promoted_version=True,
            configured_version=1,
            labels={"stable": 1},
            arms=[
                admin_pb2.Arm(name="a", version=1, has_version=True, weight_percent=90, calls=910, errors=1),
                admin_pb2.Arm(name="b", weight_percent=10, calls=90),
            ],
            replicas=[
                admin_pb2.Replica(upstream="main", address="127.0.0.1:9000", up=True, in_flight=2, versions=[1, 3]),
                admin_pb2.Replica(upstream="main", address="[evil]markup:1", up=False),
            ],
            batching="auto",
            signatures=[
                admin_pb2.Signature(
                    name="serving_default", version=1, batching="proved", poisoned_lanes=2, poisoned_s=7.6
                ),
                admin_pb2.Signature(name="softmax", version=3, batching="off", reason="2 of 8 differ\x1b[31m"),
            ],
            calls=1000,
            errors=1,
            mean_batch_rows=3.46,
        ),
        admin_pb2.ModelStatus(name="empty", upstream="main", versions_mode="follow"),
    ],
    problems=["gateway.yaml: 2 problems"],
)


async def _started(rollouts: FakeRollouts) -> None:
    await rollouts.begin(Wish("digits", 3))


def run(state_dir: Path, *options: str) -> str:
    result = CliRunner().invoke(main, ["status", *options, "--state-dir", str(state_dir)])
    assert result.exit_code == 0, result.output
    return result.output


async def test_status_in_words_shows_models_arms_replicas_and_problems(tmp_path: Path) -> None:
    rollouts = FakeRollouts()
    await _started(rollouts)
    with running_gateway(tmp_path, rollouts, STATUS):
        lines = [line.rstrip() for line in run(tmp_path).splitlines()]
    assert lines == [
        "tidegate 0.1.0, up 12 s, configuration: gateway.yaml",
        "",
        "digits: serves version 3 (a rollout's; gateway.yaml says 1), versions managed, upstream main",
        "  traffic   1,000 calls, 1 failed",
        "  batching  auto, 3.5 rows a batch",
        "            version 1 serving_default: proved; 2 lanes run unjoined for 8 s more, after joins that failed",
        "            version 3 softmax: off (2 of 8 differ\\x1b[31m)",
        "  label     stable -> version 1",
        "  arm  version  weight  observed  calls  failed",
        "  a    1        90 %    91.0 %    910    1",
        "  b    -        10 %    9.0 %     90     0",
        "  replica         state  in flight  versions",
        "  127.0.0.1:9000  up     2          1, 3",
        "  [evil]markup:1  DOWN   0          none",
        "  rollout   version 1 -> 3: loading, 0 % of users on the new one; loading",
        "",
        "empty: serves no version yet, versions follow, upstream main",
        "  traffic   0 calls, 0 failed",
        "  batching  off",
        "",
        "problems",
        "  gateway.yaml: 2 problems",
    ]


async def test_status_as_json_has_numbers_and_null_for_the_unknown(tmp_path: Path) -> None:
    with running_gateway(tmp_path, FakeRollouts(), STATUS):
        facts = json.loads(run(tmp_path, "--json"))
    digits, empty = facts["models"]
    assert (digits["promoted_version"], digits["configured_version"], digits["rollout"]) == (3, 1, None)
    assert digits["arms"][0]["observed_percent"] == 91.0
    assert digits["arms"][1]["version"] is None
    assert digits["replicas"][0]["versions"] == [1, 3]
    assert digits["signatures"] == [
        {
            "name": "serving_default",
            "version": 1,
            "batching": "proved",
            "reason": None,
            "poisoned_lanes": 2,
            "poisoned_s": 7.6,
        },
        {
            "name": "softmax",
            "version": 3,
            "batching": "off",
            "reason": "2 of 8 differ\x1b[31m",
            "poisoned_lanes": 0,
            "poisoned_s": 0.0,
        },
    ]
    assert empty["signatures"] == []
    assert (empty["promoted_version"], empty["configured_version"], empty["arms"]) == (None, None, [])
    assert (facts["uptime_s"], facts["problems"]) == (12.3, ["gateway.yaml: 2 problems"])
