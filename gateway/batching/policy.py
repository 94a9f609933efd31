"""What an operator may decide about joining calls, and how large a joined call is sent."""

from __future__ import annotations

import enum
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise


class BatchMode(enum.Enum):
    """When calls are joined: once proved harmless, always, or never."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


@dataclass(frozen=True)
class BatchPolicy:
    """Caps of one joined call and of what waits for one, for one model.

    A joined call holds at most `max_batch_size` rows, `max_batch_bytes` of input values and `max_batch_members`
    callers. With `allowed_batch_sizes` its rows are padded up to the next of them. `batch_timeout_micros` is how long
    the first caller of an unfilled batch waits although a slot is free; 0: never. A lane holds at most
    `max_enqueued_batches` full batches, then sheds. `slots_per_replica` batches are in flight at once for each replica.
    At most `max_lanes` lanes of a model exist at once; calls that would need another travel alone. `proof_rtol` and
    `proof_atol` say how far joined answers may be from lone ones while joining is being proved.

    Raises: ValueError naming every field that is out of range.
    """

    mode: BatchMode = BatchMode.AUTO
    max_batch_size: int = 64
    max_batch_bytes: int = 32 * 1024 * 1024
    max_batch_members: int = 256
    batch_timeout_micros: int = 0
    allowed_batch_sizes: tuple[int, ...] = ()
    max_enqueued_batches: int = 100
    slots_per_replica: int = 2
    max_lanes: int = 256
    proof_rtol: float = 1e-3
    proof_atol: float = 1e-5

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))

    def padding_rows(self, rows: int) -> int:
        """How many rows to add to `rows` so that an allowed size is sent; 0 where there is none as large."""
        sizes = self.allowed_batch_sizes
        index = bisect_left(sizes, rows)
        return sizes[index] - rows if index < len(sizes) else 0

    def _problems(self) -> Iterator[str]:
        caps = ("max_batch_size", "max_batch_bytes", "max_batch_members", "max_enqueued_batches")
        for name in (*caps, "slots_per_replica", "max_lanes"):
            if getattr(self, name) < 1:
                yield f"{name} is {getattr(self, name)}, must be at least 1"
        for name in ("batch_timeout_micros", "proof_rtol", "proof_atol"):
            if getattr(self, name) < 0:
                yield f"{name} is {getattr(self, name)}, must not be negative"
        sizes = self.allowed_batch_sizes
        if sizes and (sizes[0] < 1 or any(one >= two for one, two in pairwise(sizes))):
            yield f"allowed_batch_sizes is {list(sizes)}, must increase and start at 1 or more"
        if sizes and sizes[-1] != self.max_batch_size:
            yield f"allowed_batch_sizes ends at {sizes[-1]}, must end at max_batch_size, {self.max_batch_size}"
