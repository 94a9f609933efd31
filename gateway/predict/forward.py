"""Which of a client's headers go on with its call when that is sent singly."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter

from gateway.call import Headers

# Headers of the HTTP/2 and gRPC layers themselves; everything else goes on.
_HOP_BY_HOP = frozenset({"user-agent", "content-type", "te", "host"})
MAX_NAMES = 1024

_value: Callable[[tuple[str, str | bytes]], str] = itemgetter(1)  # of bytes, `str.join` knows


class _Names(dict[str, bool]):
    """Whether a header of this name goes on, worked out once: clients send the same ones again and again."""

    def __missing__(self, name: str) -> bool:
        if len(self) >= MAX_NAMES:  # clients choose names
            self.clear()
        goes_on = self[name] = name not in _HOP_BY_HOP and not name.startswith(("grpc-", ":"))
        return goes_on


_goes_on = _Names()


def forwarded(metadata: Headers) -> Headers:
    """The client's own metadata, to be sent on with its call; without values that gRPC would refuse to send."""
    kept = tuple([entry for entry in metadata if _goes_on[entry[0]]])
    try:
        text = "".join(map(_value, kept))
    except TypeError:  # bytes among them
        text = "\0"
    if text.isascii() and text.isprintable():  # all at once: nearly always
        return kept
    return tuple([(name, value) for name, value in kept if _may_be_sent(name, value)])


def _may_be_sent(name: str, value: str | bytes) -> bool:
    """Text is 0x20 to 0x7e (gRPC over HTTP/2, ASCII-Value), yet servers let other bytes in; bytes have "-bin" names."""
    return name.endswith("-bin") or (isinstance(value, str) and value.isascii() and value.isprintable())
