"""A small world for the rollout driver: replicas that load as TensorFlow Serving does, users, virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gateway.errors import Fate, UpstreamFailed
from gateway.rollout import models_config
from gateway.rollout.events import AVAILABLE, END
from gateway.rollout.ports import Mode, ReplicaHandle, VersionState
from protos.stubs.tidegate.wire.v1 import management_pb2

LOADING = int(management_pb2.ModelVersionStatus.LOADING)
UNAVAILABLE_CODE = 14
FAILED_PRECONDITION_CODE = 9


def config_text(**models: Sequence[int]) -> str:
    entries = "".join(
        f'  config {{ name: "{name}" base_path: "/nowhere/{name}" model_platform: "tensorflow"\n'
        f"    model_version_policy {{ specific {{ {' '.join(f'versions: {v}' for v in versions)} }} }} }}\n"
        for name, versions in models.items()
    )
    return f"model_config_list {{\n{entries}}}\n"


class VirtualClock:
    """Whoever sleeps moves the time; `tick` is called with the seconds that passed."""

    def __init__(self) -> None:
        self.us = 1_000_000_000
        self.tick: Callable[[float], None] = lambda seconds: None
        self._ticked = asyncio.Event()

    def now_us(self) -> int:
        return self.us

    def unix_s(self) -> float:
        return 1_800_000_000 + self.us / 1e6

    async def sleep(self, seconds: float) -> None:
        self.us += round(seconds * 1e6)
        self.tick(seconds)
        self.wake()
        await asyncio.sleep(0)

    def wake(self) -> None:
        """End the wait of `next_tick` without a tick."""
        self._ticked.set()

    async def next_tick(self) -> None:
        self._ticked.clear()
        await self._ticked.wait()


@dataclass
class FakeReplica:
    """A model server with its own copy of what it was told to serve."""

    address: str
    world: World
    up: bool = True
    refuses: UpstreamFailed | None = None
    aspired: dict[str, set[int]] = field(default_factory=dict)
    ready_us: dict[tuple[str, int], int] = field(default_factory=dict)  # (model, version) -> when its load ends
    unloaded: set[tuple[str, int]] = field(default_factory=set)
    failed: dict[tuple[str, int], str] = field(default_factory=dict)
    reloads: int = 0

    def restart(self) -> None:
        """As after kill -9: everything is loaded anew from the file."""
        self.up = True
        self.aspired, self.ready_us, self.unloaded, self.failed = {}, {}, set(), {}
        self.take(models_config.parse(self.world.path.read_text()))

    def take(self, config: management_pb2.ModelServerConfig) -> None:
        aspired = {
            entry.name: set(entry.model_version_policy.specific.versions) for entry in config.model_config_list.config
        }
        for entry in config.model_config_list.config:
            for version in entry.version_labels.values():
                if self.state(entry.name, version) != (AVAILABLE, ""):
                    raise UpstreamFailed(
                        FAILED_PRECONDITION_CODE,
                        f"Request to assign label to version {version} of model {entry.name},"
                        " which is not currently available for inference",
                        Fate.ANSWERED,
                    )
        for name, versions in aspired.items():
            for version in versions - self.aspired.get(name, set()):
                self._load((name, version))
        for name, versions in self.aspired.items():
            for version in versions - aspired.get(name, set()):
                self.ready_us.pop((name, version), None)
                if (name, version) not in self.failed:
                    self.unloaded.add((name, version))
        self.aspired = aspired

    def _load(self, key: tuple[str, int]) -> None:
        if key[1] in self.world.directories:
            self.ready_us[key] = self.world.clock.us + round(self.world.load_s * 1e6)
            self.unloaded.discard(key)
            self.failed.pop(key, None)

    def state(self, model: str, version: int) -> VersionState | None:
        key = (model, version)
        if key in self.ready_us:
            if self.ready_us[key] > self.world.clock.us:
                return LOADING, ""
            if version not in self.world.broken:
                return AVAILABLE, ""
            del self.ready_us[key]
            self.failed[key] = self.world.broken[version]
        if key in self.failed:
            return END, self.failed[key]
        return (END, "") if key in self.unloaded else None


class World:
    """Replicas, managed models, users who call all the time. It implements gateway.rollout.ports.Ports."""

    def __init__(self, path: Path, text: str = "", replicas: int = 2) -> None:
        self.path = path
        self.clock = VirtualClock()
        self.clock.tick = self._pass
        self.load_s = 1.0
        self.directories = {1, 2, 3, 4}
        self.broken: dict[int, str] = {}  # version -> why its load fails
        self.error_ratio: dict[int, float] = {}
        self.calls_per_s = 500.0
        self.stuck: dict[int, int] = {}  # version -> calls in flight that never end
        self.modes: dict[str, Mode] = {"digits": Mode.MANAGED}
        self.pinned: set[int] = set()
        self.promoted: dict[str, int] = {"digits": 1}
        self.ramps: dict[str, tuple[int, float]] = {}
        self.history: list[str] = []  # routing changes in order
        self.calls: dict[int, float] = {}
        self.errors: dict[int, float] = {}
        self.lost_calls = 0.0  # to a version that no replica had AVAILABLE
        self.trap: Callable[[str], None] = lambda operation: None
        path.write_text(text or config_text(digits=[1]))
        self.all = [FakeReplica(f"127.0.0.1:{9000 + index}", self) for index in range(replicas)]
        for replica in self.all:
            replica.restart()
        self.clock.us += 60_000_000

    def forget_routes(self) -> None:
        """What a new gateway process knows: the YAML."""
        self.promoted, self.ramps = dict.fromkeys(self.modes, 1), {}

    def share(self, version: int) -> float:
        to_version, percent = self.ramps.get("digits", (0, 0.0))
        share = percent / 100 if version == to_version else 0.0
        return share + ((1 - percent / 100) if version == self.promoted["digits"] else 0.0)

    def _pass(self, seconds: float) -> None:
        for version in self.directories:
            calls = self.calls_per_s * seconds * self.share(version)
            self.calls[version] = self.calls.get(version, 0.0) + calls
            self.errors[version] = self.errors.get(version, 0.0) + calls * self.error_ratio.get(version, 0.0)
            if not any(replica.up and replica.state("digits", version) == (AVAILABLE, "") for replica in self.all):
                self.lost_calls += calls

    def mode(self, model: str) -> Mode | None:
        return self.modes.get(model)

    def models_config_path(self, model: str) -> Path | None:
        return self.path

    def replicas(self, model: str) -> Sequence[FakeReplica]:
        return self.all

    async def reload(self, replica: ReplicaHandle, request: bytes, timeout_s: float) -> None:
        self.trap("reload")
        fake = next(each for each in self.all if each.address == replica.address)
        await asyncio.sleep(0)
        if not fake.up:
            raise UpstreamFailed(UNAVAILABLE_CODE, "connection refused", Fate.REFUSED)
        if fake.refuses is not None:
            raise fake.refuses
        fake.reloads += 1
        fake.take(management_pb2.ReloadConfigRequest.FromString(request).config)

    def version_states(self, model: str) -> Mapping[str, Mapping[int, VersionState]]:
        return {
            replica.address: {
                version: state
                for version in sorted(self.directories)
                if (state := replica.state(model, version)) is not None
            }
            for replica in self.all
            if replica.up
        }

    def poke_watch(self, model: str) -> None:
        self.trap("poke")

    def set_ramp(self, model: str, to_version: int, percent: float) -> None:
        self.trap("ramp")
        self.history.append(f"{model} ramp {to_version} {percent:g}")
        self.ramps[model] = (to_version, percent)

    def set_promoted(self, model: str, version: int) -> None:
        self.trap("promote")
        self.history.append(f"{model} promoted {version}")
        self.promoted[model] = version
        self.ramps.pop(model, None)

    def promoted_version(self, model: str) -> int | None:
        return self.promoted.get(model)

    def counts(self, model: str, version: int) -> tuple[int, int]:
        return int(self.calls.get(version, 0)), int(self.errors.get(version, 0))

    def in_flight(self, model: str, version: int) -> int:
        return self.stuck.get(version, 0)

    def pinned_versions(self, model: str) -> set[int]:
        return set(self.pinned)

    def available(self, version: int, model: str = "digits") -> list[bool]:
        return [replica.state(model, version) == (AVAILABLE, "") for replica in self.all if replica.up]

    def in_file(self, model: str = "digits") -> tuple[int, ...]:
        return models_config.specific_versions(self.path.read_text(), model)
