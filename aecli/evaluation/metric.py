"""A metric: a number with its unit and, where it is a mean over examples, its standard error."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from aecli.data.dataset import Split


class Metric(NamedTuple):
    """`value` in `unit`; `stderr` is the standard error over examples, None where there is none."""

    value: float
    unit: str
    stderr: float | None = None


class Measured(NamedTuple):
    """What a group of metrics found, by name, and what a reader must know of it."""

    metrics: dict[str, Metric]
    notes: list[str]


class Group(Protocol):
    """Metrics that are found together, of rows that come block by block and are not kept."""

    def add(self, block: Split, first: int) -> None:
        """The next rows, of which the first is number `first` of all: whole batches, unless they are the last."""
        ...

    def result(self) -> Measured:
        """What was found: one row at least has come."""
        ...


def share_metric(hits: int, count: int, unit: str) -> Metric:
    """A share p = hits / count of independent examples, with stderr = sqrt(p (1 - p) / count)."""
    p = hits / count
    return Metric(p, unit, math.sqrt(p * (1 - p) / count))
