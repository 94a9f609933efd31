"""Client threads that call without pause, check what every answer says, and remember who met which version."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import count, groupby

import grpc

from tests.e2e.programs import CHANNEL, predict, until
from tests.fakes.tensors import answer_of, predict_message

THREADS = 4
KEYS_EACH = 12
PACE_S = 0.004  # leaves the two cores to the programs under test


@dataclass(frozen=True)
class Failed:
    """A call that got no good answer, and when it began (monotonic seconds)."""

    began_s: float
    words: str


class Traffic:
    """A context manager: calls from its start to its end. Each user key is one thread's, so its calls are in order."""

    def __init__(self, address: str, model: str = "half") -> None:
        self._model = model
        self._channel = grpc.insecure_channel(address, options=CHANNEL)
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(THREADS)]
        self._lock = threading.Lock()
        self.failures: list[Failed] = []
        self.met: defaultdict[str, list[int]] = defaultdict(list)
        self.calls: Counter[int] = Counter()

    def __enter__(self) -> Traffic:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop calling; every call has its answer."""
        self._stop.set()
        for thread in self._threads:
            thread.join()
        self._channel.close()

    def reaches(self, version: int, more: int = 20) -> None:
        """Wait until that many more calls were answered by the version."""
        wanted = self.calls[version] + more
        until(lambda: self.calls[version] >= wanted, f"{more} more answers of version {version}")

    def every_key_calls(self) -> None:
        """Wait until every user called at least once more."""
        before = {key: len(versions) for key, versions in list(self.met.items())}
        keys = [f"user-{number}-{each}" for number in range(THREADS) for each in range(KEYS_EACH)]
        until(lambda: all(len(self.met.get(key, ())) > before.get(key, 0) for key in keys), "a call of every user")

    def ways(self) -> set[tuple[int, ...]]:
        """Which versions users met, one after the other; stays of any length count once."""
        return {tuple(version for version, _ in groupby(versions)) for versions in self.met.values()}

    def words(self) -> list[str]:
        """What failed calls were told, each text once."""
        return sorted({failed.words for failed in self.failures})

    def _call(self, number: int) -> None:
        for turn in count():
            if self._stop.wait(PACE_S):
                return
            key, values = f"user-{number}-{turn % KEYS_EACH}", (float(number), float(turn % 1000))
            began_s = time.monotonic()
            try:
                version, answer = predict(self._channel, predict_message(values, model=self._model), key)
            except grpc.RpcError as error:
                self._note(key, Failed(began_s, f"{error.code().name}: {error.details()}"))
                continue
            wrong = Failed(began_s, f"version {version} answered {answer} to {values}")
            self._note(key, wrong if answer != answer_of(values, version) else version)

    def _note(self, key: str, what: Failed | int) -> None:
        with self._lock:
            if isinstance(what, Failed):
                self.failures.append(what)
            else:
                self.met[key].append(what)
                self.calls[what] += 1
