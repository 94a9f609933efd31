"""What is wrong with a configuration: all of it at once, each with the place, what came and what was wanted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

Place = tuple[str | int, ...]  # keys and list positions from the top of the document


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake at one place."""

    place: Place
    message: str

    def __str__(self) -> str:
        return f"{show_place(self.place)}: {self.message}" if self.place else self.message


class ConfigurationRefused(Exception):
    """The configuration of `source` (a path, or the command line) can't be used; `problems` is never empty."""

    def __init__(self, source: str, problems: Iterable[Problem]) -> None:
        self.source = source
        self.problems = tuple(problems)
        count = len(self.problems)
        lines = "".join(f"\n  {problem}" for problem in self.problems)
        super().__init__(f"{source}: {count} problem{'' if count == 1 else 's'}{lines}")


def show_place(place: Place) -> str:
    """models.digits.split.arms[1].weight; keys that are no plain words are quoted."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += ("." if text else "") + (part if re.fullmatch(r"[\w-]+", part) else show(part))
    return text


def show(value: object) -> str:
    """A value as it stands in YAML, short and on one line, with control characters escaped."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "a section of keys"
    if isinstance(value, list):
        return "a list"
    text = str(value) if isinstance(value, (int, float)) else '"' + str(value).encode("unicode_escape").decode() + '"'
    return text if len(text) <= 80 else text[:77] + "..."


def near(wrong: object, known: Iterable[str]) -> str:
    """`; did you mean "x"?` when a known name is close, else nothing."""
    close = get_close_matches(str(wrong), sorted(known), n=1, cutoff=0.6)
    return f'; did you mean "{close[0]}"?' if close else ""


def suggestion(wrong: object, known: Iterable[str]) -> str:
    """`; did you mean "x"?`, else what there is to choose from, else nothing."""
    names = sorted(set(known))
    choice = f"; known: {', '.join(names[:12])}{', ...' if len(names) > 12 else ''}" if names else ""
    return near(wrong, names) or choice
