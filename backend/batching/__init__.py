"""Joining requests on the server, as TensorFlow Serving's batching session does: a pure core and threads around it."""
