"""What is compared: each subject is a way for a call to reach a model server. Starts those of gateway and direct."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.calls import SMALL
from benchmarks.peers import NGINX
from benchmarks.recordings import Recorded, make_model, record
from benchmarks.servers import Server, Starter


@dataclass(frozen=True, slots=True)
class Subject:
    """`key` names it in results, `group` says which model server it ends at, `title` says it in words.

    `front` is what stands before `upstream`; None: called directly. `joins`: the front joins calls.
    """

    key: str
    group: str
    title: str
    upstream: Server
    front: Server | None = None
    joins: bool = False

    @property
    def port(self) -> int:
        """Where its calls go."""
        return (self.front or self.upstream).port


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs. `recorded`: by model, with the one right reply, which is the same for all.

    `left_out`: what is not measured this time, and why.
    """

    subjects: tuple[Subject, ...]
    recorded: Mapping[str, Recorded]
    left_out: tuple[str, ...] = ()


def set_up(stack: ExitStack, folder: Path, serving: Path | None) -> Stage:
    """Start every server, files in `folder`; `stack` ends them. `serving`: a TensorFlow Serving program to measure too.

    Raises: BenchmarkFailed.
    """
    model = make_model(folder, SMALL)
    start = Starter(stack, folder)
    plain = start.backend("backend", model, batching=False)
    recorded = {SMALL.model: record(plain.port, SMALL)}
    subjects = _before("backend", "embedded backend", plain, start)
    joining = start.backend("backend-batching", model, batching=True)
    subjects.insert(1, Subject("backend-batching", "backend", "embedded backend, its own batching on", joining))
    replies = {name: found.replies for name, found in recorded.items()}
    fast = start.fast_upstream("fast", replies)
    subjects += _before("fast", "fast upstream", fast, start)
    left_out = []
    program = NGINX.found()
    if program:
        front = NGINX.start(start, program, fast.port)
        subjects.append(Subject("nginx-fast", "fast", "nginx (grpc_pass) + fast upstream", fast, front))
    else:
        left_out.append(NGINX.missing())
    if serving is not None:
        real = start.tensorflow_serving("serving", serving, model, batching=False)
        found = _before("serving", "TensorFlow Serving", real, start)
        own = start.tensorflow_serving("serving-batching", serving, model, batching=True)
        found.insert(1, Subject("serving-batching", "serving", "TensorFlow Serving, its own batching on", own))
        subjects += found
    else:
        left_out.append("TensorFlow Serving: set TENSORFLOW_MODEL_SERVER to its program's path.")
    return Stage(tuple(subjects), recorded, tuple(left_out))


def _before(group: str, words: str, upstream: Server, start: Starter) -> list[Subject]:
    """The model server called directly, and a gateway of each kind before it."""
    passing = start.gateway(f"gateway-passing-{group}", upstream.port, joining=False)
    joining = start.gateway(f"gateway-joining-{group}", upstream.port, joining=True)
    return [
        Subject(group, group, words, upstream),
        Subject(f"gateway-passing-{group}", group, f"gateway passing through + {words}", upstream, passing),
        Subject(f"gateway-joining-{group}", group, f"gateway joining + {words}", upstream, joining, joins=True),
    ]
