"""What can be found wrong before TensorFlow's import, which takes seconds: port, configuration, batching parameters."""

from __future__ import annotations

import importlib.util
import socket
from dataclasses import dataclass

from backend import config as configs
from backend.batching import params as batching_params
from backend.batching.params import BatchingParams
from backend.errors import ServingError, StartError
from backend.flags import Flags


@dataclass(frozen=True, slots=True)
class Prepared:
    """The first configuration, read and checked, and the batching parameters (None: no batching)."""

    config: configs.ModelServerConfig
    batching: BatchingParams | None


def prepare(flags: Flags) -> Prepared:
    """Read and check what the flags name. Raises StartError."""
    config = _first_config(flags)
    batching = _batching(flags)
    if flags.prefer_tflite_model and importlib.util.find_spec("ai_edge_litert") is None:
        raise StartError("--prefer_tflite_model needs TensorFlow Lite's runtime: install ai-edge-litert")
    probe_port(flags.host, flags.port)
    return Prepared(config, batching)


def probe_port(host: str, port: int) -> None:
    """Find out that the port is taken before the models load, which may take minutes. Nothing listens yet."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise StartError(
            f"can't listen on {host}:{port}: {error.strerror or error}; choose another --port (0 picks a free one)"
        ) from error


def _first_config(flags: Flags) -> configs.ModelServerConfig:
    if flags.model_config_file:
        config, where = configs.read_file(flags.model_config_file), f"--model_config_file={flags.model_config_file}"
    else:
        config, where = configs.single_model(flags.model_name, flags.model_base_path), "--model_base_path"
    try:
        configs.check(config, None)
        configs.check_platforms(config)
    except ServingError as error:
        raise StartError(f"{where}: {error.message}") from error
    return config


def _batching(flags: Flags) -> BatchingParams | None:
    if not flags.enable_batching:
        return None
    path = flags.batching_parameters_file
    if not path:
        return batching_params.defaults()
    try:
        return batching_params.parse_file(path)
    except ServingError as error:
        raise StartError(f"--batching_parameters_file={error.message}") from error
