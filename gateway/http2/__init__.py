"""gRPC over HTTP/2: bytes in, events out; commands in, bytes out. Imports nothing of gateway; shells own sockets."""
