"""What an operator may decide about joining calls, and how large a joined call is sent."""

from __future__ import annotations

import enum
from bisect import bisect_left, bisect_right
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

    A joined call holds at most `execution_rows` rows, `max_batch_bytes` of input values and `max_batch_members`
    callers. With `allowed_batch_sizes` its rows are padded up to the next of them. `batch_timeout_micros` is how long
    the first caller of an unfilled batch waits although a slot is free; 0: never. A lane holds at most
    `max_enqueued_batches` full batches, then sheds. `slots_per_replica` batches are in flight at once for each replica.
    At most `max_lanes` lanes of a model exist at once; calls that would need another travel alone. `proof_rtol` and
    `proof_atol` say how far joined answers may be from lone ones while joining is being proved.

    With `enable_large_batch_splitting` a request of more rows travels in pieces of `execution_rows`, else alone. With
    `pad_variable_length_inputs` requests of different lengths meet and are padded to the longest. `latency_target_s` is
    how long a joined call should be out: larger ones are made smaller until they are back in that time.

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
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int | None = None
    pad_variable_length_inputs: bool = False
    latency_target_s: float | None = None

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def execution_rows(self) -> int:
        """Rows of one joined call at most, padding included."""
        if self.enable_large_batch_splitting and self.max_execution_batch_size is not None:
            return self.max_execution_batch_size
        return self.max_batch_size

    @property
    def rests(self) -> bool:
        """Whether even a caller by itself may have to wait, or be padded."""
        return self.batch_timeout_micros > 0 or bool(self.allowed_batch_sizes)

    def padding_rows(self, rows: int) -> int:
        """How many rows to add to `rows` so that an allowed size is sent; 0 where there is none as large."""
        sizes = self.allowed_batch_sizes
        index = bisect_left(sizes, rows)
        return sizes[index] - rows if index < len(sizes) else 0

    def rows_allowed(self, rows: int) -> int:
        """The largest allowed size that is no more than `rows` (at least 1), else the smallest there is."""
        sizes = self.allowed_batch_sizes
        return sizes[max(0, bisect_right(sizes, rows) - 1)] if sizes else rows

    def _problems(self) -> Iterator[str]:
        caps = ("max_batch_size", "max_batch_bytes", "max_batch_members", "max_enqueued_batches")
        for name in (*caps, "slots_per_replica", "max_lanes"):
            if getattr(self, name) < 1:
                yield f"{name} is {getattr(self, name)}, must be at least 1"
        for name in ("batch_timeout_micros", "proof_rtol", "proof_atol"):
            if getattr(self, name) < 0:
                yield f"{name} is {getattr(self, name):g}, must not be negative"
        if self.latency_target_s is not None and not self.latency_target_s > 0:
            yield f"latency_target_s is {self.latency_target_s:g}, must be more than 0"
        yield from self._problems_of_sizes()

    def _problems_of_sizes(self) -> Iterator[str]:
        sizes, largest = self.allowed_batch_sizes, self.max_execution_batch_size
        if sizes and (sizes[0] < 1 or any(one >= two for one, two in pairwise(sizes))):
            yield f"allowed_batch_sizes is {list(sizes)}, must increase and start at 1 or more"
        if sizes and sizes[-1] != self.max_batch_size:
            yield f"allowed_batch_sizes ends at {sizes[-1]}, must end at max_batch_size, {self.max_batch_size}"
        if largest is None:
            return
        if not self.enable_large_batch_splitting:
            yield f"max_execution_batch_size is {largest}, needs enable_large_batch_splitting"
        if not 1 <= largest <= self.max_batch_size:
            yield f"max_execution_batch_size is {largest}, must be between 1 and max_batch_size, {self.max_batch_size}"
        elif sizes and largest not in sizes:
            yield f"max_execution_batch_size is {largest}, must be one of allowed_batch_sizes, {list(sizes)}"
