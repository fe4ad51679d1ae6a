"""What is wrong, where, and what to do: the problems a user can cause, and how they are printed."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """The exit codes of every command."""

    DONE = 0
    BUG = 1
    INPUT = 2
    DIVERGED = 3
    DAMAGED = 4
    INTERRUPTED = 130
    TERMINATED = 143


@dataclass(frozen=True)
class Place:
    """Where a problem is: a file (or an override's text), a 1-based line and column, and that line's text."""

    file: str
    line: int | None = None
    column: int | None = None
    text: str | None = None

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part is not None)


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong (`message`), where it is, and what to do about it (`hint`).

    `key` is the config's key at fault, where whoever found it knows the key but not its place in the file.
    """

    message: str
    place: Place | None = None
    hint: str | None = None
    key: tuple[str, ...] = ()

    def __str__(self) -> str:
        lines = [f"{self.place}: {self.message}" if self.place else self.message]
        if self.place and self.place.text is not None:
            lines.append(f"    {self.place.text}")
            if self.place.column is not None:
                lines.append("    " + " " * (self.place.column - 1) + "^")
        if self.hint:
            lines.append(f"  {self.hint}")
        return "\n".join(lines)


class AecliError(Exception):
    """An expected failure: printed without a traceback, and turned into an exit code."""

    exit_code: Exit = Exit.BUG

    def __init__(self, *problems: Problem | str):
        self.problems = tuple(p if isinstance(p, Problem) else Problem(p) for p in problems)
        super().__init__("\n".join(map(str, self.problems)))

    def at(self, where: Callable[[Problem], Place | None]) -> AecliError:
        """The same error, each problem reported where `where` says that it is."""
        return type(self)(*(replace(p, place=where(p)) for p in self.problems))


class UserError(AecliError):
    """The user's input is at fault: usage, config or data (exit 2)."""

    exit_code = Exit.INPUT


class DivergedError(AecliError):
    """Training met a loss, a gradient or a parameter that was not finite (exit 3); `divergence` is where, if known."""

    exit_code = Exit.DIVERGED
    divergence: dict[str, Any] | None = None


class DamagedError(AecliError):
    """A checkpoint or another file of a run does not hold what was written (exit 4)."""

    exit_code = Exit.DAMAGED


def did_you_mean(word: str, choices: Iterable[str]) -> str | None:
    """`did you mean 'x'?` for the nearest choice, else the list of choices, or None where there are none."""
    known = sorted(choices)
    near = difflib.get_close_matches(str(word), known, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known here: {', '.join(known)}" if known else None
