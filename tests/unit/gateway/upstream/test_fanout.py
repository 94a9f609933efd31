"""What several replicas say of a model, as one answer."""

from __future__ import annotations

from gateway.errors import Fate
from gateway.upstream.catalog import MAX_ENTRIES, Catalog
from gateway.upstream.fanout import merge_statuses, reload_problem, states_of, status_request
from gateway.upstream.replica import AVAILABLE, END, VersionState
from gateway.wire.signature import Signature
from protos.stubs.tidegate.wire.v1 import management_pb2

LOADING, UNLOADING = 20, 40


def status(states: dict[int, int], error: str = "") -> bytes:
    reply = management_pb2.GetModelStatusResponse()
    for version, state in states.items():
        entry = reply.model_version_status.add(version=version)
        entry.state = state  # type: ignore[assignment]  # a number, as on the wire
        if error:
            entry.status.error_code, entry.status.error_message = 2, error
    return reply.SerializeToString()


def merged(*replies: dict[int, int]) -> list[tuple[int, int]]:
    reply = management_pb2.GetModelStatusResponse.FromString(merge_statuses(map(status, replies)))
    return [(entry.version, int(entry.state)) for entry in reply.model_version_status]


def test_available_on_one_replica_is_available() -> None:
    assert merged({1: END}, {1: AVAILABLE}, {1: LOADING}) == [(1, AVAILABLE)]


def test_else_the_most_advanced_state_counts_newest_version_first() -> None:
    assert merged({1: LOADING, 3: END}, {1: UNLOADING, 2: LOADING, 3: LOADING}) == [
        (3, LOADING),
        (2, LOADING),
        (1, UNLOADING),
    ]


def test_a_state_of_a_newer_server_is_kept_but_counts_least() -> None:
    assert merged({1: 99}) == [(1, 99)]
    assert merged({1: 99}, {1: LOADING}) == [(1, LOADING)]


def test_states_say_why_loading_failed() -> None:
    assert states_of(status({1: END}, "no memory")) == {1: VersionState(END, "no memory")}
    assert states_of(status({1: AVAILABLE})) == {1: VersionState(AVAILABLE)}


def test_a_reload_may_be_refused_inside_an_ok_answer() -> None:
    reply = management_pb2.ReloadConfigResponse()
    assert reload_problem(reply.SerializeToString()) is None
    reply.status.error_code, reply.status.error_message = 3, "no base path"
    problem = reload_problem(reply.SerializeToString())
    assert problem is not None
    assert (problem.code, problem.message, problem.fate) == (3, "no base path", Fate.ANSWERED)


def test_the_question_names_the_model_and_no_version() -> None:
    request = management_pb2.GetModelStatusRequest.FromString(status_request("digits"))
    assert (request.model_spec.name, request.model_spec.HasField("version")) == ("digits", False)


def test_the_catalog_forgets_versions_that_left_and_is_bounded() -> None:
    catalog, signatures = Catalog(), {"serving_default": Signature({}, {})}
    for version in (1, 2):
        catalog.put("pool", "digits", version, signatures)
    catalog.put("pool", "other", 1, signatures)
    catalog.keep_only("pool", "digits", frozenset({2}))
    found = [catalog.find("pool", model, version) for model, version in (("digits", 1), ("digits", 2), ("other", 1))]
    assert found == [None, signatures, signatures]
    catalog.forget("pool")
    assert catalog.find("pool", "other", 1) is None
    for version in range(MAX_ENTRIES + 1):
        catalog.put("pool", "many", version, signatures)
    assert catalog.find("pool", "many", MAX_ENTRIES - 1) is signatures
    assert catalog.find("pool", "many", MAX_ENTRIES) is None
    catalog.keep_only("pool", "many", frozenset({1}))
    catalog.put("pool", "digits", 1, signatures)
    assert catalog.find("pool", "digits", 1) is signatures  # there is room again
