"""Embedded TensorFlow Serving on the tensorflow wheel: same flags, same API, its own process."""
