"""Whatever happens to a batch, each caller hears once, and its own."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.batching.policy import BatchMode, BatchPolicy
from tests.unit.gateway.batching.stage import Stage

CULPRIT = 666
NAMES = st.integers(0, 30)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("offer"), st.integers(1, 6), st.integers(1, 3), st.sampled_from([0, 0, 0, 1, 2000])),
        st.tuples(st.just("cancel"), NAMES),
        st.tuples(st.just("serve"), st.integers(0, 3)),
        st.tuples(st.just("lost"), st.integers(0, 3)),
        st.tuples(st.just("advance"), st.integers(1, 3000)),
        st.tuples(st.just("turn")),
        st.tuples(st.just("slots"), st.integers(0, 3)),
    ),
    max_size=60,
)
POLICIES = st.builds(
    BatchPolicy,
    mode=st.sampled_from([BatchMode.ON, BatchMode.AUTO]),
    max_batch_size=st.just(4),
    allowed_batch_sizes=st.sampled_from([(), (2, 4)]),
    batch_timeout_micros=st.sampled_from([0, 500]),
    enable_large_batch_splitting=st.booleans(),
    latency_target_s=st.sampled_from([None, 0.001]),
    max_enqueued_batches=st.sampled_from([2, 100]),
)


def serve(stage: Stage, number: int) -> None:
    """As a server that refuses what has a culprit in it."""
    if CULPRIT in stage.sent[number].x:
        stage.fail(number, "invalid")
    else:
        stage.answer(number)
    stage.loop.turn()


@settings(max_examples=150, deadline=None)
@given(POLICIES, STEPS)
def test_everyone_hears_once_and_nobody_anothers(policy: BatchPolicy, steps: list[tuple[object, ...]]) -> None:
    stage, rows_of = Stage(policy, slots=2), dict[str, list[float]]()
    cancelled: set[str] = set()
    for step in steps:
        verb, *given_ = step
        numbers = [int(str(value)) for value in given_]
        outstanding = sorted(stage.sent)
        if verb == "offer":
            name, (count, lane, special) = f"m{len(rows_of)}", numbers
            rows = [float(len(rows_of) * 10 + row + 1) for row in range(count)]
            if special == 1:
                rows[0] = CULPRIT
            rows_of[name] = rows
            stage.offer(name, rows, stage.loop.now_us + special if special > 1 else 2**62, lane)
        elif verb == "cancel" and f"m{numbers[0]}" in rows_of:
            cancelled.add(f"m{numbers[0]}")
            stage.calls[f"m{numbers[0]}"].abandon()
        elif verb == "serve" and outstanding:
            serve(stage, outstanding[numbers[0] % len(outstanding)])
        elif verb == "lost" and outstanding:
            stage.fail(outstanding[numbers[0] % len(outstanding)], "lost")
        elif verb == "advance":
            stage.loop.advance_us(numbers[0])
        elif verb == "slots":
            stage.slots = numbers[0]
            stage.batcher.slots_changed("pool")
        else:
            stage.loop.turn()
    stage.loop.advance_us(10_000)
    while stage.sent:
        serve(stage, min(stage.sent))
        stage.loop.advance_us(1000)
    assert not stage.batcher.busy()
    heard: Counter[str] = Counter()
    for event in stage.events:
        name, _, rest = event.partition(" ")
        if name not in rows_of:
            continue
        heard[name] += 1
        if rest.startswith("gets"):
            assert rest == "gets y=" + ",".join(f"{10 * row:g}" for row in rows_of[name])
        if "poisoned row" in rest:
            assert CULPRIT in rows_of[name]
    assert all(heard[name] == 1 for name in rows_of.keys() - cancelled)
    assert all(heard[name] <= 1 for name in cancelled)
