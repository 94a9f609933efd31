"""The sitting of batching: a model server called directly, through proxies, through gateways that join or pass on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.calls import LARGE, SMALL
from benchmarks.peers import PEERS
from benchmarks.recordings import make_model, record
from benchmarks.servers import Server, Starter
from benchmarks.subjects import Stage, Subject
from deploy.compiled.stamp import FOLDER as COMPILED
from deploy.compiled.stamp import is_current

BUILDS: Final = {"-compiled": ", compiled", "": ""}  # end of a gateway's key -> end of its title
EMBEDDED, SERVING = "backend", "serving"  # the model servers, as keys begin with them


def key(server: str, way: str) -> str:
    """Of a subject. `way`: plain, batching, a peer's key, or passing or joining with a build's end."""
    return f"{server}-{way}"


def set_up(stack: ExitStack, folder: Path, serving: Path | None, without: Collection[str] = ()) -> Stage:
    """Start every server, files in `folder`; `stack` ends them. `serving`: a TensorFlow Serving program to measure too.

    `without`: peers that are left out. What isn't measured is named with its reason. Raises: BenchmarkFailed.
    """
    start = Starter(stack, folder)
    models = {call.model: make_model(folder, call) for call in (SMALL, LARGE)}
    plain = start.backend(key(EMBEDDED, "plain"), models, batching=False)
    own = start.backend(key(EMBEDDED, "batching"), models, batching=True)
    recorded = {call.model: record(plain.port, call) for call in (SMALL, LARGE)}
    subjects = _ways(start, EMBEDDED, "embedded backend", plain, own, without)
    left_out = _left_out(without)
    if serving is None:
        left_out.append("TensorFlow Serving: set TENSORFLOW_MODEL_SERVER to its program's path.")
    else:
        subjects += _serving_ways(start, serving, models, without)
    return Stage(tuple(subjects), recorded, tuple(left_out))


def _serving_ways(start: Starter, program: Path, models: Mapping[str, Path], without: Collection[str]) -> list[Subject]:
    plain = start.tensorflow_serving(key(SERVING, "plain"), program, models, batching=False)
    own = start.tensorflow_serving(key(SERVING, "batching"), program, models, batching=True)
    return _ways(start, SERVING, "TensorFlow Serving", plain, own, without)


def _ways(
    start: Starter, server: str, words: str, plain: Server, own: Server, without: Collection[str]
) -> list[Subject]:
    """One model server, `own` with its own batching on; everything else stands before `plain`."""
    subjects = [
        Subject(key(server, "plain"), server, words, plain),
        Subject(key(server, "batching"), server, f"{words}, its own batching on", own),
    ]
    for peer in PEERS.values():
        program = peer.found()
        if program and peer.key not in without:
            name = key(server, peer.key)
            front = peer.start(start, program, plain.port, name)
            subjects.append(Subject(name, server, f"{peer.title} + {words}", plain, front))
    for build, told in BUILDS.items():
        if build and not is_current():
            continue
        folder = COMPILED if build else None
        for way, mode in (("passing", "off"), ("joining", "on")):
            name = key(server, way + build)
            front = start.gateway(name, plain.port, batching=mode, folder=folder)
            title = f"gateway {way}{told} + {words}"
            subjects.append(Subject(name, server, title, plain, front, joins=mode == "on"))
    return subjects


def _left_out(without: Collection[str]) -> list[str]:
    said = [f"{PEERS[name].title}: left out by --without." for name in PEERS if name in without]
    said += [peer.missing() for peer in PEERS.values() if peer.key not in without and peer.found() is None]
    if not is_current():
        said.append("The compiled gateway: not built from the sources as they are (run make compiled).")
    return said
