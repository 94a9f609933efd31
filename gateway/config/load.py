"""From a file or flags to Settings, or to every problem at once."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

from gateway.config.build import Builder
from gateway.config.document_tree import read_document
from gateway.config.problems import ConfigurationRefused, Problem
from gateway.config.rules import check_address, check_rules
from gateway.config.settings import Settings
from gateway.config.validate import validate

MAX_FILE_BYTES: Final = 16 * 1024 * 1024


def load(path: Path) -> Settings:
    """The settings in the YAML file. Raises: ConfigurationRefused with everything that is wrong."""
    return parse(read_bytes(path), path)


def read_bytes(path: Path) -> bytes:
    """The file's content. Raises: ConfigurationRefused when it can't be read or is too large for a configuration."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ConfigurationRefused(str(path), [Problem((), f"can't be read: {error.strerror or error}")]) from error
    if len(content) > MAX_FILE_BYTES:
        raise ConfigurationRefused(str(path), [Problem((), f"is larger than {MAX_FILE_BYTES} bytes")])
    return content


def content_hash(content: bytes) -> str:
    """What tells one content from another: hex SHA-256."""
    return hashlib.sha256(content).hexdigest()


def parse(content: bytes, path: Path) -> Settings:
    """The settings in a YAML file's content; paths in it are relative to `path`'s folder.

    Raises: ConfigurationRefused with everything that is wrong.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigurationRefused(str(path), [Problem((), f"line {line}: not UTF-8 text")]) from error
    document, problems = read_document(text)
    if document is None:
        raise ConfigurationRefused(str(path), problems or [Problem((), "is empty, wanted at least upstreams")])
    return _settings(document, problems, str(path), path.parent, content_hash(content))


def from_flags(upstream_addresses: list[str], host: str, port: int, http_port: int, batching: bool) -> Settings:
    """The settings of `tidegate gateway --upstream ...` without a file: every model of one upstream, followed.

    Raises: ConfigurationRefused, its places named by flags.
    """
    seen: set[str] = set()
    problems = [] if upstream_addresses else [Problem(("--upstream",), "is missing, wanted HOST:PORT[,HOST:PORT...]")]
    for address in upstream_addresses:
        problems += check_address(address, seen, ("--upstream",))
        seen.add(address)
    for flag, given in (("--port", port), ("--http-port", http_port)):
        if not 0 <= given <= 65535:
            problems.append(Problem((flag,), f"got {given}, must be from 0 to 65535"))
    if port == http_port != 0:
        problems.append(Problem(("--http-port",), f"{http_port} is already --port; give the pages one of their own"))
    if problems:
        raise ConfigurationRefused("command line", problems)
    document = {
        "server": {"host": host, "port": port},
        "http": {"host": host, "port": http_port},
        "upstreams": {"default": {"replicas": upstream_addresses}},
        "default_upstream": "default",
        "batching": {"mode": "auto" if batching else "off"},
    }
    return _settings(document, [], "command line", Path(), "")


def _settings(document: object, problems: list[Problem], source: str, base_dir: Path, digest: str) -> Settings:
    configuration, broken = validate(document)
    problems = [*problems, *broken, *check_rules(document)]
    if configuration is None or problems:
        raise ConfigurationRefused(source, _once_each(problems))
    builder = Builder(configuration, base_dir)
    settings = builder.settings(source, digest)
    if settings is None:
        raise ConfigurationRefused(source, builder.problems)
    return settings


def _once_each(problems: list[Problem]) -> list[Problem]:
    return list(dict.fromkeys(problems))
