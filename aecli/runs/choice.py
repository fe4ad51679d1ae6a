"""Which runs, and in which order: conditions on any key that a run has, `metrics.elbo>-240`."""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aecli.config.document import Source
from aecli.config.problems import Problem, UserError
from aecli.config.reader import lines_of, read_value
from aecli.config.words import quoted
from aecli.runs.listing import MISSING, Entry, moment

ALIASES = {"examples/s": "timings.examples_per_second"}  # headings of a table that are no keys

_ORDER = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_CONDITION = re.compile(r"([^=!<>~]+)(!=|<=|>=|=|<|>|~)(.*)", re.DOTALL)
_FORM = "a condition is KEY, one of = != < <= > >= ~ (holds the text), and a value: metrics.elbo>-240"
_TIMES = ("created", "started")
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_NEAREST = 3


@dataclass(frozen=True)
class Key:
    """A key of runs, and whether it is found in their config or their record."""

    name: str
    in_config: bool = False

    def of(self, entry: Entry) -> Any:
        """The run's value, or MISSING."""
        return (entry.config_keys if self.in_config else entry.values).get(self.name, MISSING)


@dataclass(frozen=True)
class Condition:
    """`key op value`; the value as it was written and, where it is a number, true, false, null or a list, as that."""

    key: str
    op: str
    text: str
    value: Any

    def holds(self, actual: Any) -> bool:
        """Whether a run with this value is meant; one without the key never is."""
        if actual is MISSING:
            return False
        if self.op == "~":
            return self.text.lower() in shown(actual).lower()
        if self.op in ("=", "!="):
            return self._equals(actual) == (self.op == "=")
        if isinstance(self.value, datetime):
            made = moment(actual)
            return made is not None and _ORDER[self.op](made, self.value)
        return is_number(actual) and _ORDER[self.op](actual, self.value)

    def _equals(self, actual: Any) -> bool:
        if isinstance(actual, str):
            return actual == self.text or (isinstance(self.value, str) and actual == self.value)
        same_kind = isinstance(actual, bool) == isinstance(self.value, bool)
        return same_kind and actual == self.value


def condition(text: str) -> Condition:
    """The condition that `text` is; UserError for another form, and for < of what has no order."""
    match = _CONDITION.fullmatch(text)
    if match is None or not match[1].strip():
        raise UserError(Problem(f"--where {quoted(text)}: this is no condition", hint=_FORM))
    key, op, word = match[1].strip(), match[2], match[3].strip()
    if not word or word.startswith("="):
        what = "its value is missing" if not word else f"'{op}=' is no operator: write '{op}'"
        raise UserError(Problem(f"--where {quoted(text)}: {what}", hint=_FORM))
    value = _read(word)
    if op in _ORDER:
        value = _ordered(key, word, value)
        if value is None:
            what = f"'{op}' compares numbers and times, and {quoted(word)} is neither"
            raise UserError(Problem(f"--where {quoted(text)}: {what}", hint=_FORM))
    return Condition(key, op, word, value)


def choose(found: Sequence[Entry], conditions: Sequence[str]) -> list[Entry]:
    """The runs that all conditions hold for, in their order; UserError for a key that no run has."""
    parsed = [condition(text) for text in conditions]
    keys = resolve([each.key for each in parsed], found, "--where")
    pairs = list(zip(parsed, keys, strict=True))
    return [entry for entry in found if all(each.holds(key.of(entry)) for each, key in pairs)]


def ordered(found: Sequence[Entry], by: str) -> list[Entry]:
    """Sorted by a key, `-key` from large to small: numbers and times, then text; runs without it last."""
    word = by.removeprefix("-")
    (key,) = resolve([word], found, "--sort")
    ranked = [(_rank(key.name, key.of(entry)), entry) for entry in found]
    having = [(rank, entry) for rank, entry in ranked if rank is not None]
    having.sort(key=lambda pair: pair[0], reverse=by.startswith("-"))
    return [entry for _, entry in having] + [entry for rank, entry in ranked if rank is None]


def resolve(words: Sequence[str], found: Sequence[Entry], option: str) -> list[Key]:
    """The key that each word means: a key of a record, of its metrics or timings, or of a config.

    A part's key means its kind. One UserError for all words that no run has; where there is no run at all,
    none can be wrong.
    """
    if not found:
        return list(map(Key, words))
    keys = [_resolved(word, found) for word in words]
    problems = [
        Problem(f"{option}: no run has the key {quoted(word)}", hint=_nearest(word, found))
        for word, key in zip(words, keys, strict=True)
        if key is None
    ]
    if problems:
        raise UserError(*problems)
    return [key for key in keys if key is not None]


def shown(value: Any) -> str:
    """A value as YAML has it on one line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, list):
        return "[" + ", ".join(map(shown, value)) + "]"
    return "{}" if isinstance(value, dict) else str(value)


def is_number(value: Any) -> bool:
    """Whether it is a number; a boolean is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read(word: str) -> Any:
    try:
        return read_value(word, Source("--where", lines_of(word)))[0]
    except UserError:
        return word  # no YAML value (a time, say): a text


def _ordered(key: str, word: str, value: Any) -> float | datetime | None:
    """A number, a time or, for an age, a duration such as 2d; None for what has no order."""
    if key == "age" and (match := _DURATION.fullmatch(word)):
        return float(match[1]) * _SECONDS[match[2]]
    return value if is_number(value) else moment(word)


def _rank(key: str, value: Any) -> tuple[int, Any] | None:
    if value is MISSING or value is None:
        return None
    if is_number(value) or isinstance(value, bool):
        return 0, value
    when = moment(value) if key in _TIMES else None
    return (0, when.timestamp()) if when else (1, shown(value))


def _resolved(word: str, found: Sequence[Entry]) -> Key | None:
    word = ALIASES.get(word, word)
    for name in (word, f"metrics.{word}", f"timings.{word}"):
        if any(name in entry.values for entry in found):
            return Key(name)
    for name in (word, f"{word}.kind"):
        if any(name in entry.config_keys for entry in found):
            return Key(name, in_config=True)
    return None


def _nearest(word: str, found: Sequence[Entry]) -> str:
    """Keys that look like it, or whose last words do: all of them would be a long list."""
    known = sorted({key for entry in found for key in (*entry.values, *entry.config_keys)})
    near = difflib.get_close_matches(word, known, n=_NEAREST, cutoff=0.7)
    last = word.rpartition(".")[2]
    near += [key for key in known if key.rpartition(".")[2] == last]
    close = difflib.get_close_matches(last, {key.rpartition(".")[2] for key in known}, n=1, cutoff=0.7)
    near += [key for key in known if key.rpartition(".")[2] in close]
    if near:
        return f"did you mean {' or '.join(map(quoted, dict.fromkeys(near[:_NEAREST])))}?"
    return "the keys of a run: aecli runs show RUN --json"
