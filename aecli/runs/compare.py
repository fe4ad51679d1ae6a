"""What differs between runs: config, metrics, timings, environment, data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aecli.config.problems import DamagedError, Place, Problem
from aecli.runs.choice import is_number
from aecli.runs.listing import MISSING
from aecli.runs.run import Run
from aecli.runs.values import config_values, flat

MEASURED = ("metrics", "timings")  # their numbers have differences
_ENVIRONMENT = ("device", "python", "platform", "packages", "git")


@dataclass(frozen=True)
class Row:
    """A key whose value is not the same in all runs: the value in each, MISSING where there is none.

    `differences` and `percents` are those of each later run to the first, None where there is no such
    number; both are empty where differences mean nothing.
    """

    key: str
    values: tuple[Any, ...]
    differences: tuple[float | None, ...] = ()
    percents: tuple[float | None, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON; null where a run has not the key."""
        found: dict[str, Any] = {"values": [None if value is MISSING else value for value in self.values]}
        if self.differences:
            found |= {"differences": list(self.differences), "percents": list(self.percents)}
        return found


@dataclass(frozen=True)
class Section:
    """The keys of one kind that differ, and how many others are equal in all runs."""

    name: str
    rows: tuple[Row, ...]
    equal: int

    def to_dict(self) -> dict[str, Any]:
        """As plain values for JSON."""
        return {"differ": {row.key: row.to_dict() for row in self.rows}, "equal": self.equal}


def compare(runs: Sequence[Run]) -> list[Section]:
    """The sections config, data, metrics, timings and environment; keys as the first run that has them orders them.

    DamagedError where a run's record cannot be read, UserError where a config was edited into none.
    """
    found = [_sections(run) for run in runs]
    return [_section(name, [each[name] for each in found]) for name in found[0]]


def _sections(run: Run) -> dict[str, dict[str, Any]]:
    record = run.record
    config = config_values(run.config_text, str(run.config_path))
    return {
        "config": flat(config),
        "data": flat(_mapping(run, record, "data")),
        "metrics": _mapping(run, record, "metrics"),  # names of metrics hold dots of their own
        "timings": _mapping(run, record, "timings"),
        "environment": flat({name: record[name] for name in _ENVIRONMENT if name in record}),
    }


def _mapping(run: Run, record: dict[str, Any], name: str) -> dict[str, Any]:
    """A part of the record; none yet is an empty one."""
    found = record.get(name)
    if not isinstance(found, dict | None):
        raise DamagedError(Problem(f"damaged: its {name} are no mapping", Place(str(run.record_path))))
    return found or {}


def _section(name: str, found: Sequence[dict[str, Any]]) -> Section:
    keys = list(dict.fromkeys(key for each in found for key in each))
    rows = [(key, tuple(each.get(key, MISSING) for each in found)) for key in keys]
    differ = [(key, values) for key, values in rows if not all(_same(values[0], value) for value in values[1:])]
    return Section(name, tuple(_row(key, values, name in MEASURED) for key, values in differ), len(rows) - len(differ))


def _same(one: Any, other: Any) -> bool:
    return one is other or (isinstance(one, bool) == isinstance(other, bool) and one == other)


def _row(key: str, values: tuple[Any, ...], measured: bool) -> Row:
    if not measured:
        return Row(key, values)
    first = values[0]
    differences = [value - first if is_number(value) and is_number(first) else None for value in values[1:]]
    percents = [None if d is None or not first else 100 * d / abs(first) for d in differences]
    return Row(key, values, tuple(differences), tuple(percents))
