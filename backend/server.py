"""Putting the server together, opening its port, and ending it in order."""

from __future__ import annotations

import logging
import os
import threading
from concurrent import futures
from pathlib import Path

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from backend import loader
from backend.batching.shell import Batcher
from backend.bringup import BringUp
from backend.config_poller import ConfigPoller
from backend.core import Core
from backend.errors import StartError
from backend.flags import INT32_MAX, Flags
from backend.gate import Gate
from backend.manager import Manager, ManagerOptions
from backend.poller import Poller
from backend.predict import PredictOptions
from backend.prestart import Prepared
from backend.services import Services
from backend.statusboard import StatusBoard
from backend.tflite.options import TFLiteOptions

log = logging.getLogger("backend")
HEALTH_NAMES = ("", "ModelService", "PredictionService")
# Threads beyond the limit only refuse calls, which takes no time.
SPARE_THREADS = 4
STOP_TIMEOUT_S = 5.0
# For replies that are written but not yet on the wire.
FLUSH_S = 0.5


class Server:
    """The whole process but its signals: start() returns when the port is open, stop() when all calls are answered."""

    def __init__(self, flags: Flags, prepared: Prepared, stopping: threading.Event) -> None:
        cores = os.cpu_count() or 1
        self._flags = flags
        self._stopping = stopping
        self._started = False
        self._config = prepared.config
        options = PredictOptions(flags.enable_serialization_as_tensor_content, flags.enable_signature_method_name_check)
        batching = prepared.batching
        self._batcher = Batcher(batching.num_batch_threads) if batching else None
        bring_up = BringUp(
            tags=[tag for tag in flags.saved_model_tags.split(",") if tag],
            session_config=loader.session_config(flags),
            options=options,
            batcher=self._batcher,
            batching=batching,
            per_model=flags.enable_per_model_batching_parameters,
            warm_up_iterations=max(flags.num_request_iterations_for_warmup, 1) if flags.enable_model_warmup else 0,
            tflite=_tflite_options(flags),
        )
        board = StatusBoard()
        retries = ManagerOptions(
            max_num_load_retries=flags.max_num_load_retries,
            load_retry_interval_us=flags.load_retry_interval_micros,
            num_load_threads=flags.num_load_threads,
            num_unload_threads=flags.num_unload_threads,
            num_initial_load_threads=4 * cores,
        )
        self._manager = Manager(bring_up.load, board, retries)
        self._poller = Poller(self._manager.set_aspired, flags.file_system_poll_wait_seconds)
        self._core = Core(self._manager, self._poller, board, flags.allow_version_labels_for_unavailable_models)
        self._config_poller = ConfigPoller(
            self._core, flags.model_config_file, flags.model_config_file_poll_wait_seconds
        )
        calls = flags.grpc_max_threads or 4 * cores
        self._gate = Gate(calls)
        self._services = Services(self._core, self._gate, options, self._batcher)
        self._health = health.HealthServicer()
        self._pool = futures.ThreadPoolExecutor(calls + SPARE_THREADS, "call")
        self._grpc = grpc.server(self._pool, options=_channel_arguments(flags.grpc_channel_arguments))

    def start(self) -> int:
        """Load the first models, then open the port; returns it. Raises StartError."""
        flags = self._flags
        if self._batcher:
            self._batcher.start()
        self._manager.start()
        self._poller.start()
        self._core.start(self._config, self._stopping.is_set)
        self._grpc.add_generic_rpc_handlers(self._services.handlers())
        if flags.enable_grpc_healthcheck_service:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
            self._set_health(health_pb2.HealthCheckResponse.SERVING)
        port = self._bind()
        self._grpc.start()
        self._started = True
        self._config_poller.start()
        log.info("Running gRPC ModelServer at %s:%d ...", flags.host, port)
        if flags.port_file:
            _write_atomically(Path(flags.port_file), f"{port}\n")
        return port

    def stop(self, grace_s: float) -> bool:
        """Refuse new calls, let those in flight finish within `grace_s`, end all threads. False: some were cut off."""
        self._set_health(health_pb2.HealthCheckResponse.NOT_SERVING)
        self._config_poller.stop(STOP_TIMEOUT_S)
        finished = True
        if self._started:
            self._grpc.stop(grace_s + FLUSH_S)
            finished = self._gate.wait_idle(grace_s)
            # Health watchers never end by themselves, so they are not waited for.
            self._grpc.stop(FLUSH_S).wait(STOP_TIMEOUT_S)
        self._poller.stop(STOP_TIMEOUT_S)
        self._manager.stop(STOP_TIMEOUT_S)
        if self._batcher:
            self._batcher.stop(STOP_TIMEOUT_S)
        self._pool.shutdown(wait=False, cancel_futures=True)
        return finished

    def _set_health(self, status: int) -> None:
        for name in HEALTH_NAMES:
            self._health.set(name, status)

    def _bind(self) -> int:
        flags = self._flags
        try:
            port: int = self._grpc.add_insecure_port(f"{_bracketed(flags.host)}:{flags.port}")
            if flags.grpc_socket_path:
                self._grpc.add_insecure_port(f"unix:{flags.grpc_socket_path}")
        except RuntimeError as error:
            raise StartError(f"can't listen on {flags.host}:{flags.port}: {error}") from error
        return port


def _tflite_options(flags: Flags) -> TFLiteOptions | None:
    if not flags.prefer_tflite_model:
        return None
    return TFLiteOptions(flags.num_tflite_pools, flags.num_tflite_interpreters_per_pool)


def _channel_arguments(text: str) -> list[tuple[str, int | str]]:
    """The flag's arguments and ours: a busy port is an error, and messages may be as large as TensorFlow Serving's."""
    arguments: list[tuple[str, int | str]] = [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", INT32_MAX),
        ("grpc.max_send_message_length", INT32_MAX),
    ]
    for word in filter(None, text.split(",")):
        key, equals, value = word.partition("=")
        if not equals:
            raise StartError(f"--grpc_channel_arguments: {word!r} is not KEY=VALUE")
        arguments.append((key, int(value) if value.lstrip("-").isdigit() else value))
    return arguments


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="ascii")
        temporary.replace(path)
    except OSError as error:
        raise StartError(f"--port_file={path}: can't be written: {error}") from error
