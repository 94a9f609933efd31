"""Print the pinned, hashed part of constraints.txt that an image needs: `python pins.py tidegate[loadtest] setuptools`.

pip can't install a folder and ranges under --require-hashes, so images install this list with --no-deps and then
Tidegate itself. What a package needs is read from the "# via" lines. Standard library only: it runs before any install.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

_PIN = re.compile(r"([A-Za-z0-9._-]+)==")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def canonical(name: str) -> str:
    """A package name in the one spelling of PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(text: str) -> dict[str, tuple[str, set[str]]]:
    """Each pinned package: its whole block of text, and the packages named in its "# via" comment."""
    pins: dict[str, tuple[str, set[str]]] = {}
    for block in re.split(r"\n(?=[A-Za-z0-9])", text):
        match = _PIN.match(block)
        if match:
            comments = " ".join(line.strip(" #") for line in block.splitlines() if line.lstrip().startswith("#"))
            needed_by = {canonical(name) for name in _NAME.findall(comments.removeprefix("via"))}
            pins[canonical(match[1])] = (block.rstrip(), needed_by)
    return pins


def roots(wanted: list[str], project: dict[str, object]) -> set[str]:
    """The packages asked for: `tidegate` and `tidegate[extra]` stand for what pyproject.toml says they need."""
    names: set[str] = set()
    for text in wanted:
        name, _, extras = text.partition("[")
        if canonical(name) != "tidegate":
            names.add(canonical(name))
            continue
        needs = list(project["dependencies"])  # type: ignore[call-overload]  # tomllib gives object; a list by PEP 621
        for extra in filter(None, extras.rstrip("]").split(",")):
            needs += project["optional-dependencies"][extra.strip()]  # type: ignore[index]  # a table by PEP 621
        names |= {canonical(match[0]) for need in needs if (match := _NAME.match(need))}
    return names


def select(names: set[str], pins: dict[str, tuple[str, set[str]]]) -> list[str]:
    """The blocks of the named packages and of all that they need. Raises: KeyError for a package without a pin."""
    included = set(names)
    while more := {name for name, (_, needed_by) in pins.items() if needed_by & included} - included:
        included |= more
    return [pins[name][0] for name in sorted(included)]


def main() -> None:
    here = Path.cwd()
    project = tomllib.loads((here / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pins = read_pins((here / "constraints.txt").read_text(encoding="utf-8"))
    try:
        print("\n".join(select(roots(sys.argv[1:], project), pins)))
    except KeyError as error:
        sys.exit(f"constraints.txt has no pin for {error}; pyproject.toml or the command line names it")


if __name__ == "__main__":
    main()
