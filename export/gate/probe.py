"""The memory child: imports the runtimes once, then forks one process a version, which loads it and calls it once.

`python -m export.gate.probe FD` isn't for people: export/gate/memory.py starts it. A request is a JSON line on stdin,
its answer a JSON line on the pipe FD, one at a time; stdout is for whatever libraries print. It and its forks end when
stdin closes, which is when their owner is gone.

Importing TensorFlow starts no thread (checked before each fork), so a fork is sound; and it costs seconds, which are
paid once. What a fork grows by is the version's: imports and an empty session come before the first look.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import psutil

from export.runtime import Array
from export.sample import sample_rows
from export.serving import open_served
from export.signature import is_tflite_version


def main(answers_fd: int) -> None:
    """Answer requests on a pipe until stdin closes."""
    import tensorflow  # noqa: F401 - imported before the forks, which share it

    os.register_at_fork(after_in_child=lambda: os.close(answers_fd))  # its end is this process' end, not a fork's
    for line in sys.stdin:
        request = json.loads(line)
        inputs = None if request["inputs"] is None else _load(Path(request["inputs"]))
        answers = []
        for folder in request["folders"]:
            answers.append(_in_a_fork(Path(folder), request["rows"], inputs))
            if "status" in answers[-1]:
                break
        _write(answers_fd, json.dumps(answers).encode() + b"\n")


def _write(pipe: int, text: bytes) -> None:
    while text:
        text = text[os.write(pipe, text) :]


def _load(path: Path) -> dict[str, Array]:
    with np.load(path, allow_pickle=True) as loaded:  # texts are objects; the owner wrote it for this process
        return {alias: loaded[alias] for alias in loaded.files}


def _in_a_fork(version_dir: Path, rows: int, inputs: Mapping[str, Array] | None) -> dict[str, Any]:
    """Bytes of one version; or the fork's `status` (negative: a signal) and what it `said` when it failed."""
    if len(list(Path("/proc/self/task").iterdir())) != 1:
        raise RuntimeError("a library started a thread while it was imported: a fork could hang")
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _tell_and_end(writer, version_dir, rows, inputs)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        told = pipe.read().decode(errors="replace")
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status == 0:
        found: dict[str, Any] = json.loads(told)
        return found
    return {"status": status, "said": told}


def _tell_and_end(writer: int, version_dir: Path, rows: int, inputs: Mapping[str, Array] | None) -> NoReturn:
    """What a fork does, without the exit handlers of the process it was forked from."""
    threading.Thread(target=_end_with_owner, daemon=True).start()
    status = 1
    try:
        os.write(writer, json.dumps(growth(version_dir, rows, inputs)).encode())
        status = 0
    finally:  # whatever was raised, it must be told, and this fork must not return
        if status:
            os.write(writer, "".join(traceback.format_exception_only(sys.exception())).encode())
        os._exit(status)


def _end_with_owner() -> None:
    """The owner sends nothing before it has its answer, so all that comes is the end of stdin."""
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


def growth(version_dir: Path, rows: int, inputs: Mapping[str, Array] | None) -> dict[str, int]:
    """Resident bytes this process grows by: loaded, and loaded and called. Raises: what the runtime raises."""
    if is_tflite_version(version_dir):
        import ai_edge_litert.interpreter  # noqa: F401 - the runtime isn't the version's
    else:
        _start_runtime()
    process = psutil.Process()
    before = process.memory_info().rss
    with open_served(version_dir) as served:
        loaded = process.memory_info().rss
        served.predict(sample_rows(served.signature, rows, inputs))
        called = process.memory_info().rss
    return {"loaded_bytes": max(loaded - before, 0), "called_bytes": max(called - before, 0)}


def _start_runtime() -> None:
    """Start what every SavedModel shares: devices, threads, one session."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        session.run(tf.constant(0))


if __name__ == "__main__":
    main(int(sys.argv[1]))
