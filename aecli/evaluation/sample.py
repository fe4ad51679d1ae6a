"""A fixed random sample of rows that come block by block, whose number need not be known before the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.data.permutation import mixed

if TYPE_CHECKING:
    from jaxtyping import Int, UInt64

MOST = 200_000  # rows of a sample; of no more, all are taken
SEED = 0  # not the run's: runs that differ in their seed are measured on the same rows
NUMBERS = 2**20  # row numbers looked at at one time
GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # odd: the product is a bijection
LAST = np.uint64(2**64 - 1)


class Sample:
    """The `most` rows whose numbers come first in a fixed random order: drawn evenly, without replacement.

    Which rows they are is a function of how many there are; blocks change nothing.
    """

    def __init__(self, most: int | None = None):
        self.most = MOST if most is None else most
        self.rows = 0
        self._bar = LAST  # a row that comes later in the order cannot be in the sample
        self._kept = 0
        self._parts: list[dict[str, np.ndarray]] = []

    def candidates(self, first: int, count: int) -> Int[np.ndarray, " k"]:
        """Of the next rows, number `first` and on, those that may be in the sample: places from 0, ascending."""
        self.rows += count
        return np.flatnonzero(_order(np.arange(first, first + count)) <= self._bar)

    def add(self, numbers: Int[np.ndarray, " k"], **columns: np.ndarray) -> None:
        """Candidates by their numbers, with what is to be known of them."""
        self._parts.append({"numbers": numbers, **columns})
        self._kept += len(numbers)
        if self._kept > 2 * self.most:
            self._cut()

    def taken(self) -> dict[str, np.ndarray]:
        """`numbers`, ascending, and the columns of the rows in the sample."""
        self._cut()
        return self._parts[0]

    def _cut(self) -> None:
        """Drop the rows that others have put out of the sample."""
        whole = {name: np.concatenate([part[name] for part in self._parts]) for name in self._parts[0]}
        place = _order(whole["numbers"])
        if len(place) > self.most:
            self._bar = np.partition(place, self.most - 1)[self.most - 1]
            whole = {name: values[place <= self._bar] for name, values in whole.items()}
        self._parts, self._kept = [whole], len(whole["numbers"])


def sampled(rows: int, most: int | None = None) -> Int[np.ndarray, " k"]:
    """The numbers of a `Sample` of so many rows, ascending."""
    sample = Sample(most)
    for first in range(0, rows, NUMBERS):
        sample.add(first + sample.candidates(first, min(NUMBERS, rows - first)))
    return sample.taken()["numbers"]


def spread(count: int, most: int) -> Int[np.ndarray, " rows"]:
    """The indices of at most so many of `count` rows, evenly spaced, ascending."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(int)


def _order(numbers: Int[np.ndarray, " k"]) -> UInt64[np.ndarray, " k"]:
    """Each number's place in a random order of all: SplitMix64, which gives no place twice."""
    return mixed((numbers.astype(np.uint64) + np.uint64(SEED + 1)) * GOLDEN)
