"""Flags of TensorFlow Serving that have no effect here, and those that must not be silently ignored."""

from __future__ import annotations

from collections.abc import Mapping

# Accepted and ignored: name -> kind of value. A log line says so at start; docs/backend.md has the reasons.
IGNORED: Mapping[str, type] = {
    "rest_api_port": int,
    "rest_api_num_threads": int,
    "rest_api_timeout_in_ms": int,
    "rest_api_enable_cors_support": bool,
    "flush_filesystem_caches": bool,
    "monitoring_config_file": str,
    "remove_unused_fields_from_bundle_metagraph": bool,
    "xla_cpu_compilation_enabled": bool,
    "xla_gpu_compilation_enabled": bool,
    "enable_profiler": bool,
    "thread_pool_factory_config_file": str,
    "mixed_precision": str,
    "skip_initialize_tpu": bool,
}

# Refused: ignoring them would serve without the protection, or another model than was asked for.
REFUSED: Mapping[str, str] = {
    "ssl_config_file": "the embedded backend has no TLS; put the gateway before it, or use TensorFlow Serving",
    "use_alts_credentials": "the embedded backend has no ALTS; use TensorFlow Serving",
    "platform_config_file": "the embedded backend has one platform, tensorflow; use TensorFlow Serving",
}
