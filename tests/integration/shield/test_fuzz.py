"""The shield over generated requests: nothing kills the backend, and what passes is what TensorFlow takes.

Every request goes through the gateway, to the backend behind it, and to TensorFlow with nothing before it.
SHIELD_FUZZ_CASES=100000 SHIELD_FUZZ_SEED=7 make it a long run, in which TensorFlow also runs some that the
gateway refused, and is started again when it dies.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import grpc
import pytest

from gateway.errors import Failure
from gateway.wire.check import check_inputs
from gateway.wire.compare import same_answers
from gateway.wire.signature import DEFAULT_SIGNATURE
from gateway.wire.spec import peek
from tests.integration.shield.conftest import LIMIT_BYTES, Answer, Scene
from tests.integration.shield.encodings import floats
from tests.integration.shield.generated import Case, cases
from tests.integration.shield.good import Request
from tests.integration.shield.oracle import DIED

pytestmark = [pytest.mark.slow, pytest.mark.asyncio(loop_scope="module")]

SEED, USUAL_CASES = int(os.environ.get("SHIELD_FUZZ_SEED", "4")), 1500
CASES = int(os.environ.get("SHIELD_FUZZ_CASES", str(USUAL_CASES)))
AT_ONCE = 50
OK, INVALID = grpc.StatusCode.OK, grpc.StatusCode.INVALID_ARGUMENT
PASSES, REFUSED, ELSEWHERE = "passes", "refused", "elsewhere"
TOO_LARGE = "expands to"
# Of what passed: taken, refused by TensorFlow's own parser before any kernel ran, or by an operation that met rows of
# its inputs that don't fit together, which no signature tells.
HARMLESS = {"ok", "message", "parse", "model"}


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one case. `direct` is None where the backend is not asked: it would have to expand it."""

    case: Case
    check: tuple[str, str]
    gateway: Answer
    direct: Answer | None
    bare: tuple[str, str]
    brave: bool = False  # TensorFlow was told to run it whatever the signature says

    def problems(self) -> list[str]:
        """Which promises it breaks."""
        (check, words), (bare, _), gateway, direct = self.check, self.bare, self.gateway, self.direct
        one_flaw = len(self.case.flaws) <= 1 and "mutated" not in self.case.flaws
        broken = {
            "passed the check, yet hurt TensorFlow or contradicts its signature": check == PASSES
            and bare not in HARMLESS,
            "refused by the check, yet TensorFlow takes it": check == REFUSED
            and bare == "ok"
            and not (self.brave or TOO_LARGE in words),
            "the gateway did not say what its check says": check == REFUSED
            and one_flaw
            and "another_version" not in self.case.flaws
            and gateway[:2] not in ((INVALID, words), (grpc.StatusCode.FAILED_PRECONDITION, words)),
        }
        if direct is not None:
            broken |= {
                "the backend answers, the gateway does not": direct[0] is OK and gateway[0] is not OK,
                "the gateway answers, the backend does not": direct[0] is not OK and gateway[0] is OK,
                "two codes for one flaw": one_flaw and direct[0] is not gateway[0],
                "two answers": direct[0] is gateway[0] is OK and not same_answers(gateway[2], direct[2], 1e-5, 1e-6),
            }
        return [what for what, so in broken.items() if so]


def checked(scene: Scene, message: bytes) -> tuple[str, str]:
    """What the gateway's check says of it: PASSES, REFUSED with its words, or ELSEWHERE for what never gets there."""
    try:
        view = peek("Predict", message)
    except Failure as failure:
        return ELSEWHERE, failure.message
    signatures = scene.signatures.get(view.name)
    if signatures is None:
        return ELSEWHERE, "no such model"
    try:
        check_inputs(view, signatures.get(view.signature_name or DEFAULT_SIGNATURE), LIMIT_BYTES)
    except Failure as failure:
        return REFUSED, failure.message
    return PASSES, ""


async def hear(scene: Scene, batch: Sequence[Case]) -> list[Heard]:
    """All through the gateway at once, so that those that pass are joined; then, one by one, without it."""
    through = await asyncio.gather(*[scene.ask_gateway(case.message) for case in batch])
    heard = []
    for at, (case, answer) in enumerate(zip(batch, through, strict=True)):
        check = checked(scene, case.message)
        large = TOO_LARGE in check[1] or TOO_LARGE in answer[1]
        direct = None if large else await scene.ask_backend(case.message)
        brave = CASES > USUAL_CASES and not at and check[0] == REFUSED and not large
        bare = await scene.oracle.ask(case.message, brave)
        heard.append(Heard(case, check, answer, direct, bare, brave))
    return heard


async def alive(scene: Scene) -> bool:
    """The process that was started still runs, and answers as it should through the gateway."""
    good = Request("mixed", "scaled", {"x": floats([1, 4], 1.5, 2.5, 3.5, 4.5), "factor": floats([], 2.0)}).encode()
    direct, through = await scene.ask_backend(good), await scene.ask_gateway(good)
    return scene.backend.child.running and direct[0] is through[0] is OK and same_answers(direct[2], through[2], 0, 0)


async def test_no_generated_request_kills_the_backend_and_what_passes_is_what_tensorflow_takes(scene: Scene) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    problems: list[str] = []
    generated = list(cases(SEED, CASES))
    for start in range(0, len(generated), AT_ONCE):
        batch = generated[start : start + AT_ONCE]
        for heard in await hear(scene, batch):
            seen[heard.check[0], heard.bare[0]] += 1
            problems += [f"{what}: {heard}" for what in heard.problems()]
        assert await alive(scene), [(case.flaws, case.message.hex()) for case in batch]
    if problems:
        pytest.fail("\n".join([f"{len(problems)} broken promises in {CASES} cases, the first of them:", *problems[:5]]))
    # The generator is worth something: much of everything came.
    assert (
        min(seen[PASSES, "ok"], seen[REFUSED, "signature"] + seen[REFUSED, DIED], seen[REFUSED, "parse"]) > CASES // 30
    )


async def test_an_image_without_its_batch_dimension_kills_tensorflow_and_is_refused_by_the_gateway(
    scene: Scene,
) -> None:
    message = Request("conv", "", {"pixels": floats([8, 8, 3], *[1.0] * 192)}).encode()
    assert (await scene.oracle.ask(message, brave=True))[0] == DIED
    code, words, _ = await scene.ask_gateway(message)
    assert (code, "is the batch dimension missing?" in words) == (INVALID, True)
    assert await alive(scene)
