"""The schema's section about our own transport: a bound on everything that a peer could make grow."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from gateway.config.sections import Count, CountOrZero, Seconds, Section

MIB = 1024 * 1024


class Http2(Section):
    """Bounds of transport http2, towards clients and replicas, for each connection unless said otherwise.

    Where a default follows somebody's example, that is named. Changes here need a restart.
    """

    max_connections: Count = 10_000
    """Clients connected at once, in this process; more are turned away. HAProxy and nginx have such a bound too."""
    max_streaming_calls: Count = 1000
    """Unfinished calls of health's Watch and of reflection in this process; more get RESOURCE_EXHAUSTED."""
    max_concurrent_streams: Count = 1000
    """Unfinished calls on one client connection; clients wait to send more. gRPC sets none, Go 250, nginx 128."""
    max_header_list_bytes: Annotated[int, Field(ge=1024, le=MIB)] = 16 * 1024
    """Metadata of one call, uncompressed, with 32 bytes for each field. gRPC C-core's hard limit."""
    max_header_table_bytes: Annotated[int, Field(ge=0, le=MIB)] = 4096
    """HPACK table that peers may use towards us. RFC 7541's default."""
    max_cached_blocks: CountOrZero = 64
    """Header blocks whose meaning is remembered by their bytes."""
    max_continuations: CountOrZero = 8
    """CONTINUATION frames after one HEADERS. nghttp2's, since CVE-2024-28182."""
    max_resets: Count = 1000
    """RST_STREAM frames in a burst; beyond it the connection ends. nghttp2's, since CVE-2023-44487."""
    resets_per_s: Seconds = 33.0
    """RST_STREAM frames a second in the long run. nghttp2's."""
    max_control_frames: Count = 1000
    """Frames in a burst that cost work and carry nothing: SETTINGS, PING, PRIORITY, empty DATA, small WINDOW_UPDATE.
    As nghttp2 and Envoy bound them, since CVE-2019-9511 and those beside it."""
    control_frames_per_s: Seconds = 100.0
    """Such frames a second in the long run."""
    min_window_update_bytes: Count = 1024
    """WINDOW_UPDATEs by less count as such frames."""
    max_unsent_controls: Count = 1000
    """Our answers to such frames that a peer leaves unread. nghttp2's, since CVE-2019-9512."""
    window_bytes: Annotated[int, Field(ge=65_535, le=2**31 - 1)] = 256 * 1024
    """What a peer may send of one message before we take more; grown while bandwidth x delay asks for it."""
    max_window_bytes: Annotated[int, Field(ge=65_535, le=2**31 - 1)] = 16 * MIB
    """How far it grows. gRPC's."""
    frame_bytes: Annotated[int, Field(ge=16_384, le=2**24 - 1)] = MIB
    """Largest DATA frame taken. Other frames end the connection beyond 64 KiB, or four times max_header_list_bytes."""
    max_decompressed_bytes: Count = 16 * MIB
    """What compressed messages may grow to, each, and all that one read brings: nothing else is done meanwhile."""
    max_stream_bytes: Count = 576 * MIB
    """Buffered for one call: a whole request and a whole reply must fit."""
    max_connection_bytes: Count = 1024 * MIB
    """Buffered for all calls of a connection; beyond half of it nothing more is read from it."""
    max_buffered_bytes: Count = 2048 * MIB
    """Buffered for all connections of this process; messages beyond it are refused with RESOURCE_EXHAUSTED.
    Twice max_connection_bytes at least leaves room for others beside the greediest connection."""
    preface_timeout_s: Seconds | None = 10.0
    """Seconds a new client has to say that it speaks HTTP/2; null waits for ever. Go's."""
    request_timeout_s: Seconds | None = 60.0
    """Seconds without a byte of a request that began; null waits for ever. nginx's client_body_timeout."""
    write_timeout_s: Seconds | None = 60.0
    """Seconds in which a client that is owed bytes takes none; null waits for ever. nginx's send_timeout."""
    idle_timeout_s: Seconds | None = 3600.0
    """Seconds without a call before a client is asked to go; null keeps it. Envoy's."""
    keepalive_s: Seconds | None = 7200.0
    """Seconds of silence, while calls are open, before a PING asks whether the client lives; null never asks. gRPC's.
    Replicas, which are polled, are asked after 20 at most, and given 5."""
    keepalive_timeout_s: Seconds = 20.0
    """Seconds for its answer, after which the connection ends. gRPC's."""
    max_age_s: Seconds | None = None
    """Seconds after which a client is asked to connect anew, so that balancers can move it; null never asks."""
    age_grace_s: Seconds = 60.0
    """Seconds its calls get to end then."""
