"""Everything that a peer could make grow, with its bound and where the number comes from."""

from __future__ import annotations

from dataclasses import dataclass, fields

from gateway.http2.frames import MAX_FRAME_BYTES, MAX_WINDOW_BYTES

MIB = 1024 * 1024


_MAY_BE_ZERO = frozenset({"max_header_table_bytes", "max_cached_blocks", "max_continuations"})


@dataclass(frozen=True)
class Bounds:
    """Of one connection unless said otherwise. Raises: ValueError naming every field that is out of range.

    Times are seconds; None switches a time off.
    """

    max_message_bytes: int = 256 * MIB  # of one message
    max_decompressed_bytes: int = 16 * MIB  # of one message, and of all in one read: nothing else is done meanwhile
    max_header_list_bytes: int = 16 * 1024  # gRPC C-core's hard limit of metadata
    max_header_table_bytes: int = 4096  # RFC 7541's default
    max_cached_blocks: int = 64  # header blocks looked up by their bytes; four times HAProxy's 16 per connection
    max_continuations: int = 8  # nghttp2's, since CVE-2024-28182
    max_concurrent_streams: int = 1000  # gRPC sets none, Go 250, nginx 128; a channel of gRPC has one connection
    max_resets: int = 1000  # a burst of RST_STREAM, refilled at resets_per_s: nghttp2's, since CVE-2023-44487
    resets_per_s: float = 33.0
    max_control_frames: int = (
        1000  # SETTINGS, PING, PRIORITY, empty DATA, ...; a burst, as nghttp2 and Envoy bound them
    )
    control_frames_per_s: float = 100.0
    max_unsent_controls: int = 1000  # answers to them that the peer doesn't read: nghttp2's, since CVE-2019-9512
    min_window_update_bytes: int = 1024  # smaller WINDOW_UPDATEs count as control frames; after Envoy's bound on them
    window_bytes: int = 256 * 1024  # what a peer may send unasked on a stream; grown with bandwidth x delay
    max_window_bytes: int = 16 * MIB  # how far: gRPC's limit
    frame_bytes: int = MIB  # of a DATA frame, read as it comes; other frames: max_block_bytes
    max_stream_bytes: int = 576 * MIB  # buffered for one call: a whole request and a whole reply
    max_connection_bytes: int = 1024 * MIB  # buffered for all calls of a connection; beyond half it isn't read from
    preface_timeout_s: float | None = 10.0  # from accept to the client's SETTINGS: Go's
    request_timeout_s: float | None = 60.0  # without a byte of a request that began: nginx's client_body_timeout
    write_timeout_s: float | None = 60.0  # without a byte taken by a peer that is owed some: nginx's send_timeout
    idle_timeout_s: float | None = 3600.0  # without a call: Envoy's
    keepalive_s: float | None = 7200.0  # quiet with calls open before a PING asks whether the peer lives: gRPC's
    keepalive_timeout_s: float = 20.0  # for its answer: gRPC's
    max_age_s: float | None = None  # before a connection is asked to go: gRPC's default is never
    age_grace_s: float = 60.0  # for its calls to end then

    def __post_init__(self) -> None:
        problems = [
            f"{field.name} is {value}, must be positive"
            for field in fields(self)
            if (value := getattr(self, field.name)) is not None
            and (value < 0 or (value == 0 and field.name not in _MAY_BE_ZERO))
        ]
        for name, low, high in (
            ("frame_bytes", 16_384, MAX_FRAME_BYTES),
            ("window_bytes", 65_535, MAX_WINDOW_BYTES),
            ("max_window_bytes", self.window_bytes, MAX_WINDOW_BYTES),
        ):
            if not low <= getattr(self, name) <= high:
                problems.append(f"{name} is {getattr(self, name)}, must be from {low} to {high}")
        if problems:
            raise ValueError("; ".join(problems))

    @property
    def max_block_bytes(self) -> int:
        """Of one header block as it is sent. Beyond the bound of its list it costs its call, beyond this all of them.

        nghttp2's 64 KiB, or four lists: a client with too much metadata should not end its neighbours' calls.
        """
        return max(4 * self.max_header_list_bytes, 65_536)


class Buffers:
    """Bytes of messages held by all connections of a process that share it; `limit_bytes` is its bound."""

    __slots__ = ("held_bytes", "limit_bytes", "refused")

    def __init__(self, limit_bytes: int) -> None:
        if limit_bytes <= 0:
            raise ValueError(f"limit_bytes is {limit_bytes}, must be positive")
        self.limit_bytes = limit_bytes
        self.held_bytes = 0
        self.refused = 0  # messages that found no room
