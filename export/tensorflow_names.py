"""The few translations between TensorFlow's objects and plain values, and the one place that sets TensorFlow up."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
from collections.abc import Iterator
from typing import Any

from export.signature import TensorInfo

_HOLDING = threading.Lock()  # two that hold would give each other's file back as the stderr


def start_tensorflow() -> None:
    """Import TensorFlow without the chatter its C++ parts write to stderr while starting; shown only if it fails.

    One thread an operation: all sessions of a process share the first one's threads, and latency is measured on one.
    A process that has started TensorFlow already keeps its own number.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import logging

    with stderr_held():
        import keras  # noqa: F401 - imported here so that later imports find it started
        import tensorflow as tf

        with contextlib.suppress(RuntimeError):  # raised when it is too late to choose
            tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.constant(0)  # starts the devices, which say most of it
    logging.getLogger("tensorflow").setLevel(logging.ERROR)
    logging.getLogger("absl").setLevel(logging.ERROR)


@contextlib.contextmanager
def stderr_held() -> Iterator[None]:
    """Keep what is written to file descriptor 2; write it out after all when the body raises. One thread at a time."""
    with _HOLDING, tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def tensor_info(spec: Any) -> TensorInfo:
    """Read a TensorSpec. Raises: ValueError for an unknown rank."""
    return TensorInfo(spec.dtype.name, tuple(spec.shape.as_list()))


def tensor_spec(alias: str, info: TensorInfo) -> Any:
    """Make a TensorSpec named by the alias."""
    import tensorflow as tf

    return tf.TensorSpec(list(info.shape), tf.as_dtype(info.dtype), name=alias)
