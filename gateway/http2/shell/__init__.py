"""The transport's shells: asyncio protocols, timers, TLS. They own sockets and decide nothing."""
