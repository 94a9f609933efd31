"""The same calls over either transport: clients hear the same, and replicas see the same."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import grpc
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.upstream.policy import Transport
from tests.fakes.tensors import CLASSIFY, PREDICT, STATUS, predict_message
from tests.integration.gateway.twins import Call, Metadata, Told, Twins

pytestmark = pytest.mark.slow

DIGITS = b"\x0a\x08\x0a\x06digits"  # a Classify of that model
EXAMPLES = settings(max_examples=100, deadline=None)
FEW = settings(max_examples=20, deadline=None)

_keys = st.from_regex(r"x-[a-z0-9_.-]{0,12}", fullmatch=True).filter(lambda key: not key.endswith("-bin"))
# No spaces at the ends: gRPC says there should be none, RFC 9113 section 8.2.1 makes them malformed and http2 refuses.
_text = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40).map(str.strip)
_bytes = st.binary(max_size=40) | st.sampled_from([b"", b",", b"a,b", b"\0\xff,", b"=", b" "])
metadata = st.lists(
    st.tuples(_keys, _text) | st.tuples(_keys.map(lambda key: f"{key}-bin"), _bytes), max_size=5
).flatmap(lambda pairs: st.permutations(pairs + pairs[:1]).map(tuple))  # one key twice
sizes = st.integers(0, 2**20) | st.sampled_from(
    [0, 1, 16_378, 16_379, 16_384, 65_530, 65_535, 65_536, 262_139, 262_144, 2**20]
)
codes = st.sampled_from([code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
details = st.text(st.characters(codec="utf-8"), max_size=60) | st.sampled_from(["ü", "100 %", "a\nb", "%41", "\u2028"])


def padded(size: int) -> bytes:
    """A Classify with an unknown field of that many bytes: the replica sends it back."""
    length, rest = bytearray(), size
    while rest >= 0x80:
        length.append(0x80 | rest & 0x7F)
        rest >>= 7
    length.append(rest)
    return DIGITS + b"\xba\x3e" + bytes(length) + (bytes(range(256)) * (size // 256 + 1))[:size]


@dataclass
class Stage:
    """The twins, and the loop that they live in."""

    loop: asyncio.AbstractEventLoop
    twins: Twins

    def told(self, call: Call) -> dict[Transport, Told]:
        """What each told."""
        return self.loop.run_until_complete(self.twins.tell(call))

    def agreed(self, call: Call) -> Told:
        """What both told."""
        told = self.told(call)
        assert told[Transport.HTTP2] == told[Transport.GRPCIO]
        return told[Transport.HTTP2]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    loop, twins = asyncio.new_event_loop(), Twins(tmp_path_factory.mktemp("twins"))
    try:
        loop.run_until_complete(twins.start())
        yield Stage(loop, twins)
    finally:
        loop.run_until_complete(twins.stop())
        loop.close()


@EXAMPLES
@given(
    metadata=metadata,
    size=sizes,
    timeout_s=st.sampled_from([None, 30.0, 4000.0]),
    compression=st.sampled_from([None, *grpc.Compression]),
)
@example(
    metadata=(("x-a", "~ !"), ("x-a", ""), ("x-b-bin", b""), ("x-b-bin", b"1,2")),
    size=0,
    timeout_s=None,
    compression=None,
)
def test_replies(
    stage: Stage, metadata: Metadata, size: int, timeout_s: float | None, compression: grpc.Compression | None
) -> None:
    call = Call(padded(size), metadata=metadata, timeout_s=timeout_s, compression=compression)
    told = stage.agreed(call)
    assert (told.code, len(told.seen)) == (grpc.StatusCode.OK, 1)


@pytest.mark.parametrize("megabytes", [4, 9, 16, 33, 64])
def test_large_messages(stage: Stage, megabytes: int) -> None:
    message = padded(megabytes * 2**20 - 1)
    told = stage.agreed(Call(message, timeout_s=120))
    assert (told.code, len(told.reply) >= len(message)) == (grpc.StatusCode.OK, True)


@EXAMPLES
@given(code=codes, details=details, trailers=metadata, raw=st.none() | st.binary(max_size=60))
def test_errors_of_the_replica(
    stage: Stage, code: grpc.StatusCode, details: str, trailers: Metadata, raw: bytes | None
) -> None:
    with_details = trailers if raw is None else (*trailers, ("grpc-status-details-bin", raw))
    told = stage.agreed(Call(padded(10), code=code, details=details, trailers=with_details))
    assert (told.code, told.details) == (code, details)


@FEW
@given(timeout_s=st.sampled_from([0.0, 1e-9, 0.2]), metadata=metadata)
def test_deadlines_that_pass(stage: Stage, timeout_s: float, metadata: Metadata) -> None:
    told = stage.agreed(Call(padded(10), metadata=metadata, timeout_s=timeout_s, hangs=True))
    assert told.code is grpc.StatusCode.DEADLINE_EXCEEDED


@FEW
@given(size=sizes, timeout_s=st.sampled_from([None, 30.0]))
def test_cancelled_calls(stage: Stage, size: int, timeout_s: float | None) -> None:
    told = stage.agreed(Call(padded(size), timeout_s=timeout_s, hangs=True, cancel=True))
    assert told.code is grpc.StatusCode.CANCELLED


@FEW
@given(
    path=st.sampled_from(["/tensorflow.serving.PredictionService/Guess", "/a/b", "/", "/" + "x" * 300])
    | st.sampled_from([PREDICT, CLASSIFY, STATUS]),
    message=st.binary(max_size=50),
)
def test_unknown_methods_and_unparsable_messages(stage: Stage, path: str, message: bytes) -> None:
    stage.agreed(Call(message, path=path, timeout_s=30))


@pytest.mark.parametrize(("size", "code"), [(7_000, "OK"), (40_000, "RESOURCE_EXHAUSTED")])
def test_much_metadata(stage: Stage, size: int, code: str) -> None:
    """gRPC's C-core refuses at 16 KiB for certain, and from 8 KiB on by chance: as much as that is left out."""
    told = stage.told(Call(padded(10), metadata=(("x-much", "m" * size),), timeout_s=30))
    assert {each.code.name for each in told.values()} == {code}
    assert len({len(each.seen) for each in told.values()}) == 1


@FEW
@given(values=st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=2), metadata=metadata)
def test_predictions(stage: Stage, values: list[float], metadata: Metadata) -> None:
    message = predict_message(values).SerializeToString()
    told = stage.agreed(Call(message, path=PREDICT, metadata=metadata, timeout_s=30))
    assert told.code is grpc.StatusCode.OK
