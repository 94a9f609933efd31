"""Lets clients in over TLS: each counts from its accept on, and its handshake has an end."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import Counter
from collections.abc import Callable

ACCEPT_AGAIN_S = 0.5  # after the system had no descriptor left


class TlsDoor:
    """Owns a listening socket. `context` may be replaced, for clients to come; `shaking` counts open handshakes."""

    def __init__(
        self,
        listening: socket.socket,
        context: ssl.SSLContext,
        make: Callable[[], asyncio.BaseProtocol],
        has_room: Callable[[], bool],
        handshake_s: float | None,
        refused: Counter[str],
    ) -> None:
        self.context = context
        self._listening = listening
        self._make = make
        self._has_room = has_room
        self._handshake_s = handshake_s
        self._refused = refused
        self._handshakes: set[asyncio.Task[None]] = set()
        self._accepting = asyncio.create_task(self._accept(), name="accept over TLS")

    @property
    def shaking(self) -> int:
        """Clients whose handshake goes on."""
        return len(self._handshakes)

    def close(self) -> None:
        """Nobody comes in any more, nor those who are at the door."""
        self._accepting.cancel()
        self._listening.close()
        for handshake in self._handshakes:
            handshake.cancel()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(self._listening)
            except OSError:  # no descriptor left, or a client that was gone already
                self._refused["accept"] += 1
                await asyncio.sleep(ACCEPT_AGAIN_S)
                continue
            if not self._has_room():
                client.close()
                continue
            handshake = loop.create_task(self._shake(client), name="TLS handshake")
            self._handshakes.add(handshake)
            handshake.add_done_callback(self._handshakes.discard)

    async def _shake(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(
                self._make, client, ssl=self.context, ssl_handshake_timeout=self._handshake_s
            )
        except OSError:  # TLS's own errors, timeouts and lost connections are such
            self._refused["tls_handshake"] += 1
