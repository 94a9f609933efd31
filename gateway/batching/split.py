"""A request of more rows than one joined call may have, in pieces that wait like members; their answers become one."""

from __future__ import annotations

from gateway.batching.desk import Desk
from gateway.batching.key import LaneKey
from gateway.batching.member import Member
from gateway.batching.policy import BatchPolicy
from gateway.wire.glue import glue_responses
from gateway.wire.reasons import Uncut
from gateway.wire.split import split_values


def piece_sizes(rows: int, nbytes: int, policy: BatchPolicy) -> list[int]:
    """Rows of each piece of a request of `nbytes`: as many as one joined call may have, the last one what is left."""
    most = min(policy.execution_rows, max(1, policy.max_batch_bytes * rows // max(1, nbytes)))
    full, rest = divmod(rows, most)
    return [most] * full + ([rest] if rest else [])


class Split:
    """Owns the pieces. They end together: with the last answer, when one of them can't go on, or when the call ends."""

    __slots__ = ("_desk", "_key", "_missing", "_replies", "_request", "_sizes", "pieces")

    def __init__(self, desk: Desk, key: LaneKey, request: Member, sizes: list[int]) -> None:
        self._desk = desk
        self._key = key
        self._request: Member | None = request  # None once it is over
        self._sizes = sizes
        self._replies = [b""] * len(sizes)
        self._missing = len(sizes)
        values = split_values(request.features, request.values, request.rows, sizes)
        self.pieces: list[Member] = []
        for index, rows in enumerate(sizes):
            nbytes = sum([len(data) for data in values[index]])
            piece = Member(request.call, values[index], request.features, rows, nbytes, request.headers)
            piece.whole, piece.index = self, index
            self.pieces.append(piece)

    def left(self) -> None:
        """The call ended. That is news unless its own answer ended it."""
        self._end(True)

    def piece_answered(self, index: int, reply: bytes) -> None:
        """The last piece's answer ends the call."""
        self._replies[index] = reply
        self._missing -= 1
        if self._missing:
            return
        whole = glue_responses(self._replies, self._sizes)
        request = self._end(False)
        if request is None:
            return
        if isinstance(whole, Uncut):
            self._desk.counters.of(self._key.model, self._key.version).joins_uncut += 1
            self._desk.run_alone(self._key, request, None)
        else:
            request.reply(whole)

    def give_up(self) -> Member | None:
        """The pieces are gone, wherever they were; the request is to run as it came."""
        return self._end(False)

    def _end(self, cancelled: bool) -> Member | None:
        request, self._request = self._request, None
        pieces, self.pieces = self.pieces, []
        for piece in pieces:
            holder = piece.holder
            if holder is not None:
                piece.holder = None
                holder.drop(piece, cancelled)
        return request
