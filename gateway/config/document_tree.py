"""YAML text to plain Python, strictly: duplicate keys are refused and every mistake has its line and column.

Words are read as YAML 1.2's core schema reads them: `on`, `off`, `yes`, `no`, dates and 12:30 are text, not booleans,
dates and base-60 numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import yaml

from gateway.config.problems import Place, Problem, show

TEXT: Final = "tag:yaml.org,2002:str"
MERGE: Final = "tag:yaml.org,2002:merge"
MAX_DEPTH: Final = 32
MAX_NODES: Final = 1_000_000  # with aliases followed: a few lines of YAML can stand for billions
ENDLESS: Final = f"nested deeper than {MAX_DEPTH} levels, or aliases that expand without end"


class _CoreLoader(yaml.CSafeLoader):
    """SafeLoader with the implicit types of YAML 1.2's core schema only."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own class attribute)


_CoreLoader.add_implicit_resolver(
    "tag:yaml.org,2002:bool", re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)
_CoreLoader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|Null|NULL|)$"), ["~", "n", "N", ""])
_CoreLoader.add_implicit_resolver(
    "tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), list("-+0123456789")
)
_CoreLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+)$"),
    list("-+.0123456789"),
)
_CoreLoader.add_implicit_resolver(MERGE, re.compile(r"^<<$"), ["<"])


class _EndlessError(Exception):
    """The document is larger than any configuration, mostly by aliases."""


def read_document(text: str) -> tuple[object, list[Problem]]:
    """The document as dicts, lists and scalars (None when it can't be read), and what is wrong with its writing."""
    loader = _CoreLoader(text)
    walk = _Walk()
    try:
        if _is_too_deep(text):
            raise _EndlessError
        node = loader.get_single_node()
        if node is None:
            return None, []
        walk.measure(node, ())
        return loader.construct_document(node), walk.problems
    except _EndlessError:
        return None, [Problem((), ENDLESS)]
    except yaml.MarkedYAMLError as error:
        return None, walk.problems or [Problem((), _explain(error))]
    except yaml.reader.ReaderError as error:
        return None, [Problem((), f"not text that YAML allows: {error.reason} at position {error.position}")]
    finally:
        loader.dispose()


def _is_too_deep(text: str) -> bool:
    """Asked first, from the flat stream of events: composing recurses in C and would overrun the stack."""
    depth = 0
    for event in yaml.parse(text, _CoreLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            return True
    return False


def _explain(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    context = f" ({error.context})" if error.context else ""
    return f"{where}not valid YAML: {error.problem}{context}"


class _Walk:
    """Finds duplicate keys and keys that are no text, and measures the document with its aliases followed.

    Every node is looked at once, whatever aliases make of it.
    """

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._measured: dict[int, tuple[int, int]] = {}  # id of a node -> (nodes in it, levels in it)

    def measure(self, node: yaml.Node, place: Place) -> tuple[int, int]:
        """How many nodes and levels the node stands for. Raises: _EndlessError."""
        if id(node) not in self._measured:
            self._measured[id(node)] = (0, MAX_DEPTH)  # what it counts as when it is met again within itself
            inner = [self.measure(child, inside) for child, inside in self._children(node, place)]
            nodes, levels = 1 + sum(size for size, _ in inner), 1 + max((depth for _, depth in inner), default=0)
            if nodes > MAX_NODES or levels > MAX_DEPTH:
                raise _EndlessError
            self._measured[id(node)] = nodes, levels
        return self._measured[id(node)]

    def _children(self, node: yaml.Node, place: Place) -> Iterator[tuple[yaml.Node, Place]]:
        if isinstance(node, yaml.SequenceNode):
            for position, child in enumerate(node.value):
                yield child, (*place, position)
        if isinstance(node, yaml.MappingNode):
            first_line: dict[str, int] = {}
            for key, value in node.value:
                yield value, self._note_key(key, first_line, place)

    def _note_key(self, key: yaml.Node, first_line: dict[str, int], place: Place) -> Place:
        """Judge one key of a mapping; the place of its value."""
        line = key.start_mark.line + 1
        if key.tag == MERGE:
            return place
        if not isinstance(key, yaml.ScalarNode) or key.tag != TEXT:
            wanted = (
                f"key {show(key.value)} is not text; quote it"
                if isinstance(key, yaml.ScalarNode)
                else "a key must be text"
            )
            self.problems.append(Problem(place, f"line {line}: {wanted}"))
            return place
        if key.value in first_line:
            said = f"line {line}: key given twice, first on line {first_line[key.value]}; keep one"
            self.problems.append(Problem((*place, key.value), said))
        first_line.setdefault(key.value, line)
        return (*place, key.value)
