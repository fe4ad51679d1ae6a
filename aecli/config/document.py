"""A config as plain values, with the place in the file (or the override) that each of them came from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from aecli.config.problems import AecliError, Place, Problem

Loc = tuple[str | int, ...]

_SHOWN_COLUMNS = 160


@dataclass(frozen=True)
class Spot:
    """Where a value is, and where its key is (None for an item of a list and for the whole document)."""

    value: Place
    key: Place | None = None


@dataclass(frozen=True)
class Source:
    """A text with a name. Its first `skipped` characters are no YAML (the `key=` of an override)."""

    name: str
    lines: tuple[str, ...]
    skipped: int = 0

    def place(self, line: int, column: int) -> Place:
        """The place at a 0-based line and column of the YAML, with that line's text as it can be printed."""
        column += self.skipped if line == 0 else 0
        text = self.lines[line] if line < len(self.lines) else ""
        return Place(self.name, line + 1, column + 1, _shown(text) if column < _SHOWN_COLUMNS else None)


@dataclass(frozen=True)
class Document:
    """A config before it is validated: plain values, and where each of them stands.

    `spots` is empty where the value came from Python. `cleared` holds what overrides set to null: each key
    with the places of its words, so that a misspelt one is still noticed. `problems` are those of its form
    and of its overrides where it was read `partial`ly: `validate` tells them together with its own.
    """

    value: Any
    file: str
    spots: Mapping[Loc, Spot] = field(default_factory=dict)
    cleared: Mapping[Loc, tuple[Place, ...]] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()

    @classmethod
    def empty(cls, name: str) -> Document:
        """A document with no key in it."""
        return cls({}, name)

    def place(self, loc: Loc, *, key: bool = False) -> Place | None:
        """Where the value (or with `key` its key) at `loc` is, or else the nearest parent that is there."""
        for length in range(len(loc), -1, -1):
            if spot := self.spots.get(loc[:length]):
                return spot.key if key and spot.key else spot.value
        return Place(f"{self.file} at {'.'.join(map(str, loc))}" if loc else self.file)


def blame(document: Document, location: Loc) -> Callable[[Problem], Place | None]:
    """Where problems of what a config names are reported: on their own line of a file, else at the key they know if
    the config has it, else at `location`.
    """

    def where(problem: Problem) -> Place | None:
        own = problem.place
        if problem.key in document.spots and problem.key and not (own and own.line):
            return document.place(problem.key)
        return own or document.place(location)

    return where


@contextmanager
def blamed_on(document: Document, location: Loc) -> Iterator[None]:
    """Problems without a place are reported at the key they name, or at this place of the config."""
    try:
        yield
    except AecliError as error:
        raise error.at(blame(document, location)) from None


def from_value(value: Mapping[str, Any], name: str) -> Document:
    """A document of Python values (copied; tuples become lists). Its places name keys, not lines."""
    return Document(_copied(value), name)


def at(value: Any, loc: Loc) -> Any:
    """The value at `loc` inside `value`, or None where there is none."""
    for key in loc:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return None
    return value


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list | tuple) else value


def _shown(line: str) -> str:
    # One character for one, so that a caret below still points at its column.
    cut = line if len(line) <= _SHOWN_COLUMNS else line[: _SHOWN_COLUMNS - 1] + "…"
    return "".join(" " if c == "\t" else c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in cut)
