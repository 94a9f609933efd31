"""BatchingParameters: the text file, and the checked values. Pure.

tensorflow-serving-api ships no class for this message, so its definition is built here, by field number.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format, wrappers_pb2

from backend.errors import Code, ServingError, invalid_argument

PER_MODEL_FILE = "batching_params.pbtxt"
DEFAULT_MAX_BATCH_SIZE = 1000
DEFAULT_MAX_ENQUEUED_BATCHES = 10

_WRAPPED = {
    "max_batch_size": (1, "Int64Value"),
    "batch_timeout_micros": (2, "Int64Value"),
    "max_enqueued_batches": (3, "Int64Value"),
    "num_batch_threads": (4, "Int64Value"),
    "thread_pool_name": (5, "StringValue"),
    "enable_large_batch_splitting": (8, "BoolValue"),
    "max_execution_batch_size": (9, "Int64Value"),
}


@dataclass(frozen=True, slots=True)
class BatchingParams:
    """Sizes in rows. `max_batch_size` bounds one request, `max_execution_batch_size` one run of the model."""

    max_batch_size: int = DEFAULT_MAX_BATCH_SIZE
    batch_timeout_us: int = 0
    max_enqueued_batches: int = DEFAULT_MAX_ENQUEUED_BATCHES
    num_batch_threads: int = 1
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int = DEFAULT_MAX_BATCH_SIZE
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False

    def __post_init__(self) -> None:
        for name in ("max_batch_size", "max_enqueued_batches", "num_batch_threads", "max_execution_batch_size"):
            if getattr(self, name) < 1:
                raise invalid_argument(f"{name} must be positive; was {getattr(self, name)}")
        if self.batch_timeout_us < 0:
            raise invalid_argument(f"batch_timeout_micros must be non-negative; was {self.batch_timeout_us}")
        if self.enable_large_batch_splitting and self.max_execution_batch_size > self.max_batch_size:
            raise invalid_argument(
                f"max_execution_batch_size must not exceed max_batch_size; was {self.max_execution_batch_size} "
                f"with max_batch_size {self.max_batch_size}"
            )
        if self.allowed_batch_sizes and self.allowed_batch_sizes[-1] != self.max_batch_size:
            raise invalid_argument(
                "Last entry in allowed_batch_sizes must match max_batch_size; "
                f"last entry was {self.allowed_batch_sizes[-1]}; expected {self.max_batch_size}"
            )

    def padded_rows(self, rows: int) -> int:
        """The lowest allowed batch size that holds `rows`; `rows` itself where none is given or none fits."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


def parse_file(path: str) -> BatchingParams:
    """Read a text file. Raises ServingError INVALID_ARGUMENT or NOT_FOUND that names the file and what is wrong."""
    message = _message_class()()
    try:
        text_format.Parse(Path(path).read_text(encoding="utf-8"), message)
    except text_format.ParseError as error:
        raise invalid_argument(f"{path}: not BatchingParameters in protobuf text format: {error}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ServingError(Code.NOT_FOUND, f"{path}: can't be read: {error}") from error
    try:
        return _from_message(message)
    except ServingError as error:
        raise invalid_argument(f"{path}: {error.message}") from error


def defaults() -> BatchingParams:
    """What --enable_batching alone means."""
    return BatchingParams(num_batch_threads=os.cpu_count() or 1)


def _from_message(message: Any) -> BatchingParams:
    def value(name: str, default: int) -> int:
        return int(getattr(message, name).value) if message.HasField(name) else default

    max_batch_size = value("max_batch_size", DEFAULT_MAX_BATCH_SIZE)
    return BatchingParams(
        max_batch_size=max_batch_size,
        batch_timeout_us=value("batch_timeout_micros", 0),
        max_enqueued_batches=value("max_enqueued_batches", DEFAULT_MAX_ENQUEUED_BATCHES),
        num_batch_threads=value("num_batch_threads", os.cpu_count() or 1),
        enable_large_batch_splitting=bool(message.enable_large_batch_splitting.value),
        max_execution_batch_size=value("max_execution_batch_size", max_batch_size),
        allowed_batch_sizes=tuple(message.allowed_batch_sizes),
        pad_variable_length_inputs=message.pad_variable_length_inputs,
    )


def _message_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="backend/batching_parameters.proto",
        package="backend.batching",
        syntax="proto3",
        dependency=[wrappers_pb2.DESCRIPTOR.name],
    )
    message = file.message_type.add(name="BatchingParameters")
    kinds = descriptor_pb2.FieldDescriptorProto
    for name, (number, wrapper) in _WRAPPED.items():
        message.field.add(
            name=name,
            number=number,
            label=kinds.LABEL_OPTIONAL,
            type=kinds.TYPE_MESSAGE,
            type_name=f".google.protobuf.{wrapper}",
        )
    message.field.add(name="allowed_batch_sizes", number=6, label=kinds.LABEL_REPEATED, type=kinds.TYPE_INT64)
    message.field.add(name="pad_variable_length_inputs", number=7, label=kinds.LABEL_OPTIONAL, type=kinds.TYPE_BOOL)
    pool = descriptor_pool.DescriptorPool()
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    pool.Add(wrappers)
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("backend.batching.BatchingParameters"))
