"""What a rollout promises, told against a world of replicas, users and virtual time."""

from __future__ import annotations

import asyncio

import pytest

from gateway.errors import Fate, UpstreamFailed
from gateway.rollout.ports import Mode
from gateway.rollout.preflight import Wish
from gateway.rollout.refused import Refused
from gateway.rollout.state import Phase
from gateway.rollout.store import from_json
from tests.unit.gateway.rollout.house import WISH, House
from tests.unit.gateway.rollout.world import config_text


async def test_a_good_version_goes_by_steps_to_all_users_and_the_old_one_is_unloaded(house: House) -> None:
    await house.driver.begin(WISH)
    state = await house.finished()
    assert state.phase is Phase.PROMOTED, state.reason
    assert house.world.history == ["digits ramp 3 10", "digits ramp 3 50", "digits ramp 3 100", "digits promoted 3"]
    assert house.world.in_file() == (3,)
    assert house.world.available(1) == [False, False]
    assert house.world.lost_calls == 0


async def test_a_rollback_loads_the_unloaded_version_again(house: House) -> None:
    await house.driver.begin(WISH)
    await house.finished()
    await house.driver.begin(Wish("digits", 1, (100.0,), hold_s=1.0))
    state = await house.finished()
    assert state.phase is Phase.PROMOTED, state.reason
    assert house.world.in_file() == (1,)
    assert house.world.promoted["digits"] == 1
    assert house.world.lost_calls == 0


async def test_a_version_with_more_errors_is_taken_back_and_unloaded(house: House) -> None:
    house.world.error_ratio = {3: 0.2}
    await house.driver.begin(WISH)
    state = await house.finished()
    assert state.phase is Phase.ABORTED
    assert "the error ratio exceeds the old one's by more than 2.00%" in state.reason
    assert house.world.history == ["digits ramp 3 10", "digits ramp 3 0"]
    assert house.world.in_file() == (1,)
    assert house.world.lost_calls == 0


async def test_errors_that_both_versions_share_abort_nothing(house: House) -> None:
    house.world.error_ratio = {1: 0.3, 3: 0.3}
    await house.driver.begin(WISH)
    assert (await house.finished()).phase is Phase.PROMOTED


async def test_a_version_that_fails_to_load_aborts_with_the_replicas_words(house: House) -> None:
    house.world.broken = {3: "Op type not registered 'X'"}
    await house.driver.begin(WISH)
    state = await house.finished()
    assert state.phase is Phase.ABORTED
    assert "127.0.0.1:9000: Op type not registered 'X'" in state.reason
    assert house.world.history == ["digits ramp 3 0"]
    assert house.world.in_file() == (1,)


async def test_a_repaired_version_is_not_aborted_by_the_error_of_its_last_load(house: House) -> None:
    house.world.broken = {3: "half copied"}
    await house.driver.begin(WISH)
    await house.finished()
    house.world.broken = {}
    await house.driver.begin(WISH)
    assert (await house.finished()).phase is Phase.PROMOTED


async def test_a_version_without_a_directory_is_given_up_with_a_hint(house: House) -> None:
    house.world.directories = {1}
    await house.driver.begin(WISH)
    state = await house.finished()
    assert state.phase is Phase.ABORTED
    assert "no replica has seen version 3 for 60 s: is there a directory 3?" in state.reason


async def test_a_load_that_takes_too_long_is_given_up(house: House) -> None:
    house.world.load_s = 10_000
    await house.driver.begin(WISH)
    state = await house.finished()
    assert "not loaded within 600 s: 127.0.0.1:9000 says LOADING; 127.0.0.1:9001 says LOADING" in state.reason


async def test_a_refused_reload_aborts_with_the_servers_words(house: House) -> None:
    house.world.all[1].refuses = UpstreamFailed(9, "Request to assign label to version 9", Fate.ANSWERED)
    await house.driver.begin(WISH)
    state = await house.finished()
    assert state.phase is Phase.ABORTED
    assert "the reload was refused: 127.0.0.1:9001: Request to assign label to version 9" in state.reason


async def test_a_replica_that_is_down_does_not_hold_up_and_has_the_new_version_when_it_is_back(house: House) -> None:
    house.world.all[1].up = False
    await house.driver.begin(WISH)
    assert (await house.finished()).phase is Phase.PROMOTED
    house.world.all[1].restart()
    house.world.clock.us += 2_000_000
    assert house.world.available(3) == [True, True]


async def test_a_replica_cut_off_during_the_rollout_is_sent_the_configuration_when_it_is_back(house: House) -> None:
    house.world.all[1].up = False
    await house.driver.begin(WISH)
    await house.finished()
    house.world.all[1].up = True  # the same process: it read no file again
    async with asyncio.timeout(20):
        while house.world.all[1].aspired["digits"] != {3}:
            await house.world.clock.next_tick()


async def test_a_replica_killed_in_a_step_reads_the_file_and_the_rollout_goes_on(house: House) -> None:
    await house.driver.begin(WISH)
    await house.reach(Phase.STEPPING, 1)
    house.world.all[0].up = False
    await house.until(lambda state: state.step_index == 2)
    house.world.all[0].restart()
    assert (await house.finished()).phase is Phase.PROMOTED
    assert house.world.lost_calls == 0


async def test_the_old_version_stays_loaded_when_asked_or_pinned(house: House) -> None:
    await house.driver.begin(Wish("digits", 3, (100.0,), hold_s=1.0, keep_old=True))
    assert "version 1 stays loaded: asked to keep it" in (await house.finished()).reason
    house.world.pinned = {3}
    await house.driver.begin(Wish("digits", 1, (100.0,), hold_s=1.0))
    assert "version 3 stays loaded: gateway.yaml names it" in (await house.finished()).reason
    assert house.world.in_file() == (1, 3)


async def test_an_abort_leaves_a_version_that_was_loaded_before(house: House) -> None:
    house.world.path.write_text(config_text(digits=[1, 3]))
    house.world.error_ratio = {3: 1.0}
    await house.driver.begin(WISH)
    state = await house.finished()
    assert state.reason.endswith("version 3 stays loaded: it was before this rollout")
    assert house.world.in_file() == (1, 3)


async def test_calls_in_flight_delay_the_unload_but_not_for_ever(house: House) -> None:
    house.world.stuck = {1: 1}
    await house.driver.begin(Wish("digits", 3, (100.0,), hold_s=1.0))
    await house.reach(Phase.UNLOADING)
    began_us = house.world.clock.us
    state = await house.finished()
    assert state.phase is Phase.PROMOTED
    assert house.world.clock.us - began_us >= 30_000_000
    assert house.world.in_file() == (3,)


async def test_a_disk_that_refuses_the_models_config_leads_back(house: House) -> None:
    def full(operation: str) -> None:
        if operation == "poke":
            house.world.path.unlink(missing_ok=True)

    await house.driver.begin(WISH)
    await house.reach(Phase.STEPPING, 2)
    house.world.trap = full
    house.world.path.unlink()
    state = await house.finished()
    assert state.phase is Phase.PROMOTED
    assert "WriteModelsConfig failed: [Errno 2] No such file or directory" in state.reason


async def test_a_fault_of_the_routes_leads_back_to_the_old_version(house: House) -> None:
    def fault(operation: str) -> None:
        if operation == "ramp" and len(house.world.history) == 1:
            house.world.history.append("fault")
            raise KeyError("digits")

    house.world.trap = fault
    await house.driver.begin(WISH)
    state = await house.finished()
    assert state.phase is Phase.ABORTED
    assert state.reason.startswith("SetRamp failed: KeyError('digits')")
    assert house.world.history == ["digits ramp 3 10", "fault", "digits ramp 3 0"]


async def test_a_start_is_refused_when_its_state_cannot_be_written(house: House) -> None:
    house.state_dir.write_text("a file where the folder should be")
    with pytest.raises(Refused, match="the rollout's state cannot be written"):
        await house.driver.begin(WISH)
    assert house.driver.states() == []
    assert house.world.in_file() == (1,)


async def test_two_models_of_one_upstream_roll_at_once_without_undoing_each_other(house: House) -> None:
    house.world.path.write_text(config_text(digits=[1], letters=[1]))
    house.world.modes["letters"] = Mode.MANAGED
    house.world.promoted["letters"] = 1
    for replica in house.world.all:
        replica.restart()
    house.world.clock.us += 5_000_000
    await asyncio.gather(house.driver.begin(WISH), house.driver.begin(Wish("letters", 4, (50.0, 100.0), hold_s=1.0)))
    assert (await house.finished()).phase is Phase.PROMOTED
    assert (await house.finished("letters")).phase is Phase.PROMOTED
    assert (house.world.in_file(), house.world.in_file("letters")) == ((3,), (4,))
    assert house.world.available(4, "letters") == [True, True]


async def test_a_rollout_whose_model_is_no_longer_managed_is_left_aside_and_told(house: House) -> None:
    await house.driver.begin(WISH)
    await house.reach(Phase.STEPPING)
    house.world.modes["digits"] = Mode.FOLLOW
    await house.restart_gateway()
    assert house.driver.states() == []
    assert "gateway.yaml no longer has the model managed" in house.driver.problems()[0]


async def test_a_corrupt_state_file_is_one_problem_and_other_models_go_on(house: House) -> None:
    await house.driver.begin(WISH)
    await house.reach(Phase.STEPPING)
    (house.state_dir / "rollouts" / "letters.json").write_text('{"format": 1')
    await house.restart_gateway()
    assert len(house.driver.problems()) == 1
    assert "letters.json" in house.driver.problems()[0]
    assert (await house.finished()).phase is Phase.PROMOTED


async def test_the_state_file_tells_what_the_driver_tells(house: House) -> None:
    await house.driver.begin(WISH)
    state = await house.finished()
    text = (house.state_dir / "rollouts" / "digits.json").read_text()
    read = from_json(text)
    assert (read.phase, read.plan, read.reason) == (state.phase, state.plan, state.reason)
