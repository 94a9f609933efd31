"""What a call's model spec, headers and key decide, and what chance decides."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.routing.ramp import Ramp
from gateway.routing.route import Choice, HeaderRule, ModelRoute, VersionMode, resolve
from gateway.routing.split import SLOTS, Arm, Split

KEYS = [f"user-{number}".encode() for number in range(2_000)]
SPLIT = Split("digits", (Arm("base", 90), Arm("canary", 10, version=2)))
RULES = (HeaderRule("x-team", "blue", "canary"), HeaderRule("x-team", "red", "base"))
MANAGED = ModelRoute(
    "digits",
    "serving",
    VersionMode.MANAGED,
    1,
    {"stable": 1, "canary": 2},
    SPLIT,
    key_header="x-account",
    header_rules=RULES,
)


def test_a_version_the_client_names_is_used_as_asked() -> None:
    assert resolve(MANAGED, 7, None, b"user", 0) == Choice("version", 7, chosen_by_gateway=False)
    assert resolve(MANAGED, 0, None, b"user", 0) == Choice("version", 0, chosen_by_gateway=False)


def test_a_declared_label_is_resolved_here() -> None:
    assert resolve(MANAGED, None, "canary", b"user", 0) == Choice("label", 2, chosen_by_gateway=True)


def test_any_other_label_is_forwarded_as_sent() -> None:
    choice = resolve(MANAGED, None, "nightly", b"user", 0)
    assert choice == Choice("label", None, chosen_by_gateway=False, label_forwarded=True)


def test_a_model_without_split_goes_to_the_promoted_version() -> None:
    route = ModelRoute("plain", "serving", version=4)
    assert resolve(route, None, None, b"user", 0) == Choice("default", 4, chosen_by_gateway=True)


def test_while_the_promoted_version_is_not_known_the_server_decides() -> None:
    assert resolve(ModelRoute("plain", "serving"), None, None, None, 0) == Choice(
        "default", None, chosen_by_gateway=False
    )


@given(st.binary(min_size=1, max_size=32), st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=50)
def test_a_key_decides_whatever_chance_says(key: bytes, one: int, two: int) -> None:
    route = ModelRoute("digits", "serving", VersionMode.MANAGED, 1, split=SPLIT, ramp=Ramp(3, 50))
    assert resolve(route, None, None, key, one) == resolve(route, None, None, key, two)


def test_calls_without_key_are_shared_by_chance_in_the_same_shares() -> None:
    arms = [resolve(MANAGED, None, None, None, random_bits).arm for random_bits in range(SLOTS)]
    assert arms.count("canary") == 1000


def test_without_key_the_ramp_and_the_split_draw_apart() -> None:
    route = ModelRoute("digits", "serving", VersionMode.MANAGED, 1, split=SPLIT, ramp=Ramp(3, 50))
    versions = {
        resolve(route, None, None, None, low + SLOTS * high).version for low in (0, 9_000) for high in (0, 9_000)
    }
    assert versions == {1, 2, 3}


def test_a_header_rule_decides_before_the_key_and_the_first_that_fits_wins() -> None:
    headers = (("x-other", "1"), ("x-team", "blue"), ("x-team", "red"))
    assert all(resolve(MANAGED, None, None, key, 0, headers).arm == "canary" for key in KEYS[:50])


def test_a_header_with_another_value_leaves_the_split_to_decide() -> None:
    headers = (("x-team", "green"),)
    assert [resolve(MANAGED, None, None, key, 0, headers) for key in KEYS] == [
        resolve(MANAGED, None, None, key, 0) for key in KEYS
    ]


def test_a_ramp_moves_only_users_of_the_promoted_version() -> None:
    before = MANAGED
    during = ModelRoute("digits", "serving", VersionMode.MANAGED, 1, split=SPLIT, ramp=Ramp(3, 50))
    pairs = {(resolve(before, None, None, key, 0).version, resolve(during, None, None, key, 0).version) for key in KEYS}
    assert pairs == {(1, 1), (1, 3), (2, 2)}


def test_a_ramp_at_100_percent_meets_the_promotion_that_follows() -> None:
    ramped = ModelRoute("digits", "serving", VersionMode.MANAGED, 1, split=SPLIT, ramp=Ramp(3, 100))
    promoted = ModelRoute("digits", "serving", VersionMode.MANAGED, 3, split=SPLIT)
    assert [resolve(ramped, None, None, key, 0) for key in KEYS] == [
        resolve(promoted, None, None, key, 0) for key in KEYS
    ]


def test_a_ramp_moves_nobody_between_arms() -> None:
    ramped = ModelRoute("digits", "serving", VersionMode.MANAGED, 1, split=SPLIT, ramp=Ramp(3, 30))
    assert all(resolve(ramped, None, None, key, 0).arm == SPLIT.arms[SPLIT.position(key)].name for key in KEYS)


def test_the_key_is_the_header_then_the_client_id_then_none() -> None:
    assert MANAGED.key_of((("x-account", "ann"),), b"client") == b"ann"
    assert MANAGED.key_of((("x-account", b"ann"),)) == b"ann"
    assert MANAGED.key_of((("x-user-id", "ann"),), b"client") == b"client"
    assert MANAGED.key_of((("x-account", ""),), b"") is None


def test_text_outside_ascii_is_a_key_too() -> None:
    assert MANAGED.key_of((("x-account", "zoë"),)) == "zoë".encode()


def test_served_versions_are_all_that_a_call_can_be_sent_to() -> None:
    route = ModelRoute("m", "u", VersionMode.MANAGED, 1, {"old": 9}, SPLIT, Ramp(3, 1))
    assert route.served_versions == {1, 2, 3, 9}
    assert ModelRoute("m", "u").served_versions == frozenset()


def test_a_managed_model_needs_a_version_to_start_from() -> None:
    with pytest.raises(ValueError, match="version: model m is managed"):
        ModelRoute("m", "u", VersionMode.MANAGED)


def test_an_arm_cannot_bear_a_word_that_means_something_else_in_metrics() -> None:
    with pytest.raises(ValueError, match=r"split\.arms: the name label is reserved"):
        ModelRoute("m", "u", split=Split("s", (Arm("label", 100),)))


def test_a_header_rule_for_an_arm_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match="header_rules: no arm is named gone"):
        ModelRoute("m", "u", split=SPLIT, header_rules=(HeaderRule("x-team", "blue", "gone"),))
