"""docker-compose.yml obeys the Compose specification and our own rules for what runs unattended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from check_jsonschema.builtin_schemas import get_builtin_schema

from tests.contracts.compose import ROOT, bind_mounts, read_compose, services

SERVICES = sorted(services())
ONE_SHOT = {"export"}


@pytest.fixture(scope="module")
def schema() -> Any:
    """The Compose specification's own JSON schema, as the check-jsonschema package ships it."""
    return get_builtin_schema("vendor.compose-spec")


def test_the_file_obeys_the_compose_specification(schema: Any) -> None:
    jsonschema.Draft202012Validator(schema).validate(read_compose())


def test_the_schema_would_notice_a_mistyped_key(schema: Any) -> None:
    document = read_compose()
    document["services"]["gateway"]["heathcheck"] = {}
    with pytest.raises(jsonschema.ValidationError, match="heathcheck"):
        jsonschema.Draft202012Validator(schema).validate(document)


def dependencies() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name, service in services().items():
        for other, how in service.get("depends_on", {}).items():
            yield name, other, how


def test_services_wait_for_others_that_exist_and_can_say_that_they_are_ready() -> None:
    for name, other, how in dependencies():
        wanted = services()[other]
        if how["condition"] == "service_healthy":
            assert "test" in wanted["healthcheck"], f"{name} waits for the health of {other}, which has no check"
        if how["condition"] == "service_completed_successfully":
            assert other in ONE_SHOT
        both_always = not wanted.get("profiles") or wanted.get("profiles") == services()[name].get("profiles")
        assert both_always or how.get("required") is False, f"{name} would fail without the profile of {other}"


@pytest.mark.parametrize("name", SERVICES)
def test_every_image_has_a_pinned_tag(name: str) -> None:
    image = services()[name]["image"]
    _, colon, tag = image.partition(":")
    assert colon and tag and "latest" not in tag


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_watched_restarted_ended_and_has_bounded_logs(name: str) -> None:
    service = services()[name]
    assert service["restart"] == ("no" if name in ONE_SHOT else "unless-stopped")
    assert service["stop_grace_period"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert name in ONE_SHOT or "healthcheck" in service


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_on_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in services()[name].get("ports", []))


@pytest.mark.parametrize("name", [name for name in SERVICES if "build" in services()[name]])
def test_our_own_containers_have_no_privileges(name: str) -> None:
    service = services()[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert (ROOT / service["build"]["dockerfile"]).is_file()


def test_mounts_from_the_repository_exist_and_are_read_only() -> None:
    assert bind_mounts()
    for name, source, _, options in bind_mounts():
        assert source.exists(), f"{name} mounts {source}, which is not there"
        assert options == "ro"


def test_named_volumes_are_declared_and_used() -> None:
    used = {
        volume.split(":")[0]
        for service in services().values()
        for volume in service.get("volumes", [])
        if not volume.startswith(".")
    }
    assert used == set(read_compose()["volumes"])


def test_the_gpu_profile_reserves_a_gpu_and_the_cpu_profile_runs_two_replicas() -> None:
    gpu, cpu = services()["tensorflow-serving-gpu"], services()["tensorflow-serving-cpu"]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert gpu["image"].endswith("-gpu") and not cpu["image"].endswith("-gpu")
    assert (gpu["profiles"], cpu["profiles"], cpu["deploy"]["replicas"]) == (["gpu"], ["cpu"], 2)


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_the_gateway_gets_longer_to_stop_than_it_needs_to_drain() -> None:
    from gateway.config.load import load

    settings = load(ROOT / "deploy" / "gateway.yaml").server
    needed_s = settings.drain_delay_s + settings.drain_timeout_s
    assert seconds(services()["gateway"]["stop_grace_period"]) > needed_s
