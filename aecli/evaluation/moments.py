"""Means and standard errors of rows that come block by block: the same bits for any division into blocks."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import numpy as np

from aecli.data.statistics import VALUES, Statistics, block_rows
from aecli.evaluation.metric import Metric
from aecli.training.trained import BATCH

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

BATCHES = 16  # in a block of rows that is measured at one time, at most


def rows_of_block(features: int) -> int:
    """The rows that are measured at one time: whole batches, and about VALUES numbers."""
    return BATCH * max(1, min(BATCHES, VALUES // (BATCH * max(features, 1))))


def pieces(block: Shaped[np.ndarray, "rows d"]) -> Iterator[Float[np.ndarray, "piece d"]]:
    """A block in float64, in pieces whose borders are a function of the row's number and of d alone.

    The last bits of a sum depend on how it is divided: never on blocks, which are whole batches.
    """
    rows = min(BATCH, 1 << (block_rows(block.shape[1]).bit_length() - 1))  # a power of two: it divides a batch
    for start in range(0, len(block), rows):
        yield np.ascontiguousarray(block[start : start + rows], np.float64)


class Moments:
    """Mean and squared deviations of quantities by name, of which every row has one value each.

    Unlike a hole in a column, a value that is NaN makes the mean NaN, and an infinite one makes it infinite.
    """

    def __init__(self, *names: str):
        self.names = names
        self._statistics = Statistics((0,) * len(names))

    @property
    def rows(self) -> int:
        """How many have come."""
        return self._statistics.rows

    def add(self, values: Mapping[str, Float[np.ndarray, " rows"]]) -> None:
        """The next rows: whole batches, unless they are the last."""
        for piece in pieces(np.stack([values[name] for name in self.names], axis=1)):
            self._statistics.add(piece)

    def mean(self, name: str) -> float:
        """The mean over rows, in the quantity's own unit."""
        found, j = self._statistics, self.names.index(name)
        if not found.rows or found.known[j] < found.rows:
            return math.nan
        ends = float(found.low[j]) + float(found.high[j])  # NaN of both infinities
        return float(found.mean[j]) if math.isfinite(ends) else ends

    def stderr(self, name: str) -> float | None:
        """sd / sqrt(n), sd with n - 1; None for a single row."""
        n, mean = self.rows, self.mean(name)
        if n < 2:
            return None
        squares = float(self._statistics.squares[self.names.index(name)])
        return math.sqrt(squares / (n - 1) / n) if math.isfinite(mean) else math.nan

    def metric(self, name: str, unit: str) -> Metric:
        """The mean with its standard error."""
        return Metric(self.mean(name), unit, self.stderr(name))
