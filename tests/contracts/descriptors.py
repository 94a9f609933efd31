"""TensorFlow Serving's own descriptors, read out of its installed modules without importing TensorFlow."""

from __future__ import annotations

import ast
import sysconfig
from pathlib import Path

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, duration_pb2, struct_pb2, wrappers_pb2

SITE = Path(sysconfig.get_path("purelib"))
KNOWN = (any_pb2, duration_pb2, struct_pb2, wrappers_pb2)
ROOTS = (
    "tensorflow_serving/apis/prediction_service.proto",
    "tensorflow_serving/apis/model_service.proto",
)


def serialized_file(name: str) -> bytes:
    """The FileDescriptorProto that the module generated from this .proto registers when imported."""
    file = name.removesuffix(".proto") + "_pb2.py"
    module = next(path for path in (SITE / file, SITE / "tensorflow/compiler" / file) if path.exists())
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr == "AddSerializedFile"
        ):
            content = ast.literal_eval(node.args[0])
            if isinstance(content, bytes):
                return content
    raise ValueError(f"{module}: registers no file descriptor")


def official_pool() -> descriptor_pool.DescriptorPool:
    """Everything that TensorFlow Serving's two services speak of."""
    pool = descriptor_pool.DescriptorPool()
    done = set()
    for module in KNOWN:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
        done.add(module.DESCRIPTOR.name)

    def add(name: str) -> None:
        if name in done:
            return
        done.add(name)
        content = serialized_file(name)
        for dependency in descriptor_pb2.FileDescriptorProto.FromString(content).dependency:
            add(dependency)
        pool.AddSerializedFile(content)

    for root in ROOTS:
        add(root)
    return pool
