"""Promises of backend.plan: a model that serves goes on serving while its versions change."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from backend.plan import Load, Snapshot, Stage, Unload, next_action

NEW, LOADING, READY, ENDED = Stage.NEW, Stage.LOADING, Stage.READY, Stage.ENDED


def test_the_highest_new_version_is_loaded_first() -> None:
    assert next_action([Snapshot(1, NEW, True), Snapshot(2, NEW, True)]) == Load(2)


def test_the_old_version_stays_until_the_new_one_is_ready() -> None:
    old = Snapshot(1, READY, False)
    assert next_action([old, Snapshot(2, NEW, True)]) == Load(2)
    assert next_action([old, Snapshot(2, LOADING, True)]) is None
    assert next_action([old, Snapshot(2, READY, True)]) == Unload(1)


def test_the_old_version_stays_when_the_new_one_fails() -> None:
    assert next_action([Snapshot(1, READY, False), Snapshot(2, ENDED, True)]) is None


def test_with_nothing_wanted_everything_goes_lowest_first() -> None:
    assert next_action([Snapshot(1, READY, False), Snapshot(2, READY, False)]) == Unload(1)
    assert next_action([Snapshot(2, READY, False)]) == Unload(2)


def test_of_two_unwanted_versions_the_lower_goes_at_once() -> None:
    versions = [Snapshot(1, READY, False), Snapshot(2, READY, False), Snapshot(3, LOADING, True)]
    assert next_action(versions) == Unload(1)


def test_nothing_to_do_is_nothing() -> None:
    assert next_action([]) is None
    assert next_action([Snapshot(1, READY, True), Snapshot(2, ENDED, True)]) is None


snapshots = st.lists(
    st.builds(Snapshot, st.integers(1, 9), st.sampled_from(Stage), st.booleans()), unique_by=lambda s: s.version
)


@given(snapshots)
def test_the_last_ready_version_never_goes_while_another_is_wanted(versions: list[Snapshot]) -> None:
    action = next_action(versions)
    ready = {s.version for s in versions if s.stage is READY}
    if isinstance(action, Unload) and any(s.aspired for s in versions):
        assert len(ready) > 1


@given(snapshots)
def test_only_wanted_versions_are_loaded_and_only_unwanted_ones_unloaded(versions: list[Snapshot]) -> None:
    action = next_action(versions)
    if action is not None:
        (target,) = [s for s in versions if s.version == action.version]
        assert target.aspired is isinstance(action, Load)
