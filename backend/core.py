"""The server's heart: the configuration in force, its labels, and the versions that calls get."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from backend import config as configs
from backend.config import ModelServerConfig, ModelSettings
from backend.errors import Code, ServingError, StartError, failed_precondition, invalid_argument
from backend.labels import LabelMap, next_labels, version_of
from backend.manager import Manager
from backend.poller import Poller
from backend.servable import LoadedModel
from backend.states import VersionState, settled
from backend.statusboard import StatusBoard

log = logging.getLogger("backend")


class Core:
    """One server's models. `reload` is serialized; everything else may be called from any thread at any time."""

    def __init__(self, manager: Manager, poller: Poller, board: StatusBoard, allow_unavailable_labels: bool) -> None:
        self.board = board
        self._manager = manager
        self._poller = poller
        self._allow_unavailable_labels = allow_unavailable_labels
        self._reloading = threading.Lock()
        self._config: ModelServerConfig | None = None
        self._labels: LabelMap | None = None

    @contextmanager
    def hold(self, spec: Any) -> Iterator[tuple[str, int, LoadedModel]]:
        """Name, version and model for a ModelSpec, kept in memory while the block runs."""
        if not spec.name:
            raise invalid_argument("ModelSpec has no name specified.")
        match spec.WhichOneof("version_choice"):
            case "version":
                wanted: int | None = spec.version.value
            case "version_label":
                wanted = version_of(self._labels, spec.name, spec.version_label)
            case _:
                wanted = None
        with self._manager.hold(spec.name, wanted) as (version, model):
            yield spec.name, version, model

    def start(self, config: ModelServerConfig, stopping: Callable[[], bool]) -> None:
        """Apply the first configuration and wait for its models. Raises StartError if it is wrong or a model fails."""
        try:
            self.reload(config, stopping, first=True)
        except ServingError as error:
            hint = ""
            if error.code is Code.FAILED_PRECONDITION and "assign label" in error.message:
                hint = " (--allow_version_labels_for_unavailable_models lets labels be set before the first load)"
            raise StartError(f"Failed to start server. Error: {error}{hint}") from error
        self._manager.end_initial_load()

    def reload(self, config: ModelServerConfig, give_up: Callable[[], bool], first: bool = False) -> None:
        """Replace the whole configuration, in TensorFlow Serving's order of steps.

        Returns when each model whose name is new has a version AVAILABLE; new versions of known models are not awaited.
        `give_up`, asked twice a second, ends only the waiting. Raises ServingError.
        """
        with self._reloading:
            if not self._accept(config):
                return
            models = configs.settings(config)
            available = {} if first else self.board.available()
            self._labels = next_labels(models, available, self._labels, self._allow_unavailable_labels)
            configs.check_platforms(config)
            known = {model.name for model in self._poller.models()}
            since = self.board.now()
            self._poller.configure(models)
            self._await([model for model in models if model.name not in known], since, give_up, first)
            configs.check_request_logs(models)
        log.info("configuration applied: %s", ", ".join(model.name for model in models) or "no models")

    def _accept(self, config: ModelServerConfig) -> bool:
        """Check and store the configuration; False: it is empty and there is nothing to do."""
        old, new_kind = self._config, configs.kind(config)
        if old is not None and new_kind != "model_config_list":
            raise failed_precondition(
                "Cannot transition to requested config. It is only legal to transition "
                "from one ModelConfigList to another."
            )
        if new_kind is None:
            log.info("the configuration is empty: nothing to serve yet")
            return False
        if new_kind != "model_config_list":
            raise invalid_argument("custom_model_config is not supported; wanted model_config_list")
        configs.check(config, old)
        self._config = config
        return True

    def _await(self, models: list[ModelSettings], since: int, give_up: Callable[[], bool], first: bool) -> None:
        verdicts: dict[str, bool | None] = dict.fromkeys([model.name for model in models])

        def all_settled() -> bool:
            for name in verdicts:
                verdicts[name] = settled(self.board.versions(name), since, self._manager.aspired(name))
            return all(verdict is not None for verdict in verdicts.values())

        if not self.board.wait(all_settled, give_up):
            waiting = [name for name, verdict in verdicts.items() if verdict is None]
            raise ServingError(Code.CANCELLED, f"stopped waiting for models: {', '.join(waiting)}")
        failed = [self._failure(name) for name, verdict in verdicts.items() if verdict is False]
        if failed:
            what = "servable(s)" if first else "model(s)"
            listed = "".join(f"{{{text}}}, " for text in failed)
            raise ServingError(Code.UNKNOWN, f"{len(failed)} {what} did not become available: {{{listed}}}")

    def _failure(self, name: str) -> str:
        """TensorFlow Serving's words for the highest version of a model that failed."""
        statuses = self.board.versions(name)
        version = max(v for v, status in statuses.items() if status.state is VersionState.END)
        status = statuses[version]
        reason = f" due to error: {status.code.name}: {status.error}" if status.error else ""
        return f"{{name: {name} version: {version}}}{reason}"
