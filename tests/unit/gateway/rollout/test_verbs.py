"""The operator's verbs: each takes hold at once, or is refused and changes nothing."""

from __future__ import annotations

import pytest

from gateway.rollout.preflight import Wish
from gateway.rollout.refused import Cause, Refused
from gateway.rollout.state import Phase
from tests.unit.gateway.rollout.house import WISH, House


async def test_promote_goes_to_all_users_now(house: House) -> None:
    await house.driver.begin(Wish("digits", 3, (10.0, 100.0), hold_s=3600))
    await house.reach(Phase.STEPPING)
    await house.driver.promote("digits")
    assert house.world.promoted["digits"] == 3
    state = await house.finished()
    assert state.phase is Phase.PROMOTED
    assert state.reason.startswith("promoted by the operator at 10 %")


async def test_abort_takes_users_off_at_once(house: House) -> None:
    await house.driver.begin(Wish("digits", 3, (10.0, 100.0), hold_s=3600))
    await house.reach(Phase.STEPPING)
    await house.driver.abort("digits")
    assert house.world.ramps["digits"] == (3, 0.0)
    assert (await house.finished()).reason == "aborted by the operator; version 3 is unloaded"


async def test_promote_before_the_load_ended_is_refused(house: House) -> None:
    await house.driver.begin(WISH)
    with pytest.raises(Refused, match="cannot promote the rollout of digits in phase loading: version 3 is not loaded"):
        await house.driver.promote("digits")


async def test_a_second_rollout_of_the_model_is_refused_while_one_runs(house: House) -> None:
    await house.driver.begin(WISH)
    with pytest.raises(Refused, match="a rollout to version 3 is loading; wait for it, or `tidegate rollout abort dig"):
        await house.driver.begin(Wish("digits", 2))


async def test_verbs_for_a_model_without_rollout_say_so(house: House) -> None:
    with pytest.raises(Refused, match="no rollout of it was ever started") as refused:
        await house.driver.abort("nobody")
    assert refused.value.cause is Cause.UNKNOWN
