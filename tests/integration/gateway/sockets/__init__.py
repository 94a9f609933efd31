"""Our own transport on real sockets, within the test's own loop: uvloop, as the gateway has it."""
