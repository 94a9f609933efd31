"""The command line: absl-style flags under TensorFlow Serving's names. Pure."""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from backend.errors import StartError
from backend.foreign_flags import IGNORED, REFUSED

_TRUE, _FALSE = {"true", "1", "yes", "t", "y"}, {"false", "0", "no", "f", "n", ""}
INT32_MAX = 2**31 - 1
_SCHEDULABLE_CPUS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _flag(default: Any, help_text: str) -> Any:
    return field(default=default, metadata={"help": help_text})


@dataclass(frozen=True, slots=True)
class Flags:
    """Every flag that has an effect, with TensorFlow Serving's defaults. Field name = flag name."""

    port: int = _flag(8500, "TCP port for gRPC; 0 picks a free one (see --port_file).")
    host: str = _flag("127.0.0.1", "Address to listen on. Not a flag of TensorFlow Serving, which takes 0.0.0.0.")
    port_file: str = _flag("", "Write the bound port here, atomically, once gRPC is open. Not in TensorFlow Serving.")
    exit_with_parent: bool = _flag(False, "Drain and exit when standard input ends. Not in TensorFlow Serving.")
    drain_timeout_seconds: int = _flag(
        30, "How long calls in flight may take after SIGTERM. Not in TensorFlow Serving."
    )
    grpc_socket_path: str = _flag("", "Also listen on a Unix socket at this path.")
    model_name: str = _flag("default", "Name of the model (ignored with --model_config_file).")
    model_base_path: str = _flag("", "Absolute path whose children are version directories.")
    model_config_file: str = _flag("", "A ModelServerConfig in text format: the models to serve.")
    model_config_file_poll_wait_seconds: int = _flag(0, "Read --model_config_file again this often; 0: never.")
    file_system_poll_wait_seconds: int = _flag(1, "Look for new versions this often; 0: once for each configuration.")
    enable_batching: bool = _flag(False, "Join requests on the server.")
    batching_parameters_file: str = _flag("", "BatchingParameters in text format (needs --enable_batching).")
    enable_per_model_batching_parameters: bool = _flag(
        False, "Read batching_params.pbtxt in each version directory; a model without it is not batched."
    )
    enable_model_warmup: bool = _flag(True, "Replay assets.extra/tf_serving_warmup_requests before serving a version.")
    num_request_iterations_for_warmup: int = _flag(0, "How often to replay each warm-up record; used only if > 0.")
    max_num_load_retries: int = _flag(5, "How often to try a failed load again.")
    load_retry_interval_micros: int = _flag(60_000_000, "Microseconds between tries; negative: no wait.")
    num_load_threads: int = _flag(0, "Threads for loading; 0: the manager's own, one load after the other.")
    num_unload_threads: int = _flag(0, "Threads for unloading; 0: the manager's own.")
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, "A label that isn't in use may point to a version that isn't available yet."
    )
    saved_model_tags: str = _flag("serve", "Comma-separated tags of the meta graph to load.")
    prefer_tflite_model: bool = _flag(False, "Serve model.tflite of a version directory that has one.")
    num_tflite_pools: int = _flag(
        _SCHEDULABLE_CPUS, "Interpreters of each TensorFlow Lite version, one thread each; as many as cores."
    )
    num_tflite_interpreters_per_pool: int = _flag(
        1, "Above 1: TensorFlow Lite versions join requests, up to 500 / this many rows at a time."
    )
    tensorflow_session_config_file: str = _flag("", "A ConfigProto in text format for the sessions.")
    tensorflow_session_parallelism: int = _flag(0, "Threads for running a session; 0: as many as cores.")
    tensorflow_intra_op_parallelism: int = _flag(0, "Threads inside one operation; 0: as many as cores.")
    tensorflow_inter_op_parallelism: int = _flag(0, "Operations at a time; 0: each call runs on its own thread.")
    per_process_gpu_memory_fraction: float = _flag(
        0.0, "Fraction of GPU memory to take; 0: grow as TensorFlow decides."
    )
    grpc_max_threads: int = _flag(0, "Calls in flight before others are refused; 0: 4 x cores.")
    grpc_channel_arguments: str = _flag("", "Comma-separated KEY=VALUE arguments for the gRPC server.")
    enable_grpc_healthcheck_service: bool = _flag(False, "Serve grpc.health.v1.Health.")
    enable_serialization_as_tensor_content: bool = _flag(False, "Answer with tensor_content instead of *_val fields.")
    enable_signature_method_name_check: bool = _flag(False, "Refuse signatures of another method_name.")
    version: bool = _flag(False, "Print versions and exit.")
    help: bool = _flag(False, "Print this and exit.")
    ignored: tuple[str, ...] = ()


_KINDS: Mapping[str, type] = {f.name: type(f.default) for f in fields(Flags) if f.name != "ignored"}


def parse(argv: Sequence[str]) -> Flags:
    """The flags of a command line. Raises StartError with every problem at once."""
    values: dict[str, Any] = {}
    ignored: list[str] = []
    problems: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        try:
            name, value = _split(word, rest)
            if name in IGNORED or name in REFUSED:
                ignored.append(name)
            else:
                values[name] = _convert(name, value)
        except ValueError as error:
            problems.append(str(error))
    flags = Flags(**values, ignored=tuple(ignored))
    if not (problems or flags.help or flags.version):
        problems = _conflicts(flags)
    if problems:
        count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
        raise StartError(f"command line: {count}\n" + "\n".join(f"  {p}" for p in problems))
    return flags


def usage() -> str:
    """All flags with their defaults."""
    lines = ["usage: python -m backend --model_base_path=/models/NAME [flags]", "", "Flags:"]
    for f in fields(Flags):
        if f.name != "ignored":
            lines.append(f"  --{f.name}={f.default!r}\n      {f.metadata['help']}")
    lines.append("\nAccepted for TensorFlow Serving's sake and ignored: " + ", ".join(f"--{name}" for name in IGNORED))
    return "\n".join(lines)


def _split(word: str, rest: list[str]) -> tuple[str, str]:
    """Flag name and value text of one word; takes the value from the next word for `--flag value`."""
    if not word.startswith("-") or word in ("-", "--"):
        raise ValueError(f"{word!r} is not a flag; flags look like --port=8500")
    name, equals, value = word.lstrip("-").partition("=")
    if name in REFUSED and value.lower() not in (_FALSE if equals else ()):
        raise ValueError(f"--{name}: {REFUSED[name]}")
    kind = _KINDS.get(name) or IGNORED.get(name) or (str if name in REFUSED else None)
    if kind is None and name.startswith("no") and not equals:
        positive = name[2:]
        if (_KINDS.get(positive) or IGNORED.get(positive)) is bool:
            return positive, "false"
    if kind is None:
        raise ValueError(_unknown(name))
    if equals:
        return name, value
    if kind is bool:
        return name, rest.pop(0) if rest and rest[0].lower() in ("true", "false") else "true"
    if not rest or rest[0].startswith("--"):
        raise ValueError(f"--{name} needs a value, for example --{name}={getattr(Flags(), name, 'VALUE')}")
    return name, rest.pop(0)


def _convert(name: str, text: str) -> Any:
    kind = _KINDS[name]
    if kind is bool:
        if text.lower() in _TRUE:
            return True
        if text and text.lower() in _FALSE:
            return False
        raise ValueError(f"--{name}={text}: wanted true or false")
    if kind is str:
        return text
    try:
        return kind(text)
    except ValueError:
        raise ValueError(f"--{name}={text}: wanted a number, for example {getattr(Flags(), name)}") from None


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, [*_KINDS, *IGNORED], n=1)
    hint = f"; did you mean --{close[0]}?" if close else "; --help lists the flags"
    return f"unknown flag --{name}{hint}"


def _conflicts(flags: Flags) -> list[str]:
    problems = []
    if not (flags.model_base_path or flags.model_config_file):
        problems.append("one of --model_base_path and --model_config_file is needed: what should be served?")
    if not 0 <= flags.port <= 65535:
        problems.append(f"--port={flags.port}: wanted 0..65535")
    if flags.batching_parameters_file and not flags.enable_batching:
        problems.append("--batching_parameters_file is set without --enable_batching")
    if flags.enable_per_model_batching_parameters and not flags.enable_batching:
        problems.append("--enable_per_model_batching_parameters is set without --enable_batching")
    if flags.tensorflow_session_parallelism and (
        flags.tensorflow_intra_op_parallelism or flags.tensorflow_inter_op_parallelism
    ):
        problems.append(
            "--tensorflow_session_parallelism excludes --tensorflow_intra_op_parallelism and "
            "--tensorflow_inter_op_parallelism: set it, or those two"
        )
    for name, low in _LOWEST.items():
        if not low <= getattr(flags, name) <= INT32_MAX:
            problems.append(f"--{name}={getattr(flags, name)}: wanted {low} or more")
    if not 0.0 <= flags.per_process_gpu_memory_fraction <= 1.0:
        problems.append(f"--per_process_gpu_memory_fraction={flags.per_process_gpu_memory_fraction}: wanted 0..1")
    return problems


_LOWEST = {
    "grpc_max_threads": 0,
    "num_load_threads": 0,
    "num_unload_threads": 0,
    "max_num_load_retries": 0,
    "tensorflow_session_parallelism": 0,
    "tensorflow_intra_op_parallelism": 0,
    "tensorflow_inter_op_parallelism": 0,
    "model_config_file_poll_wait_seconds": 0,
    "file_system_poll_wait_seconds": 0,
    "drain_timeout_seconds": 0,
}
