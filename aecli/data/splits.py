"""The division of rows into train, validation and test: a pure function of their number and a seed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.data.permutation import MANY, permuted
from aecli.data.spec import Split

if TYPE_CHECKING:
    from jaxtyping import Int

TRAIN, VALIDATION, TEST = range(3)
GIVEN_ELSE = 0.1  # the test fraction where `given` is asked for and the source has no test set of its own


@dataclass(frozen=True)
class Indices:
    """Row numbers from 0, ascending. `test` is None where there is none, or the source gives its own."""

    train: Int[np.ndarray, " train"]
    validation: Int[np.ndarray, " validation"] | None
    test: Int[np.ndarray, " test"] | None


@dataclass(frozen=True)
class Division:
    """How many of `rows` rows are tested and validated on; which ones is a pure function of rows and seed."""

    rows: int
    tests: int
    validations: int
    seed: int

    @cached_property
    def _parts(self) -> np.ndarray | None:
        """The split of every row, where there are not too many of them."""
        if self.rows > MANY:
            return None
        order = np.random.Generator(np.random.PCG64(self.seed)).permutation(self.rows)
        parts = np.zeros(self.rows, np.uint8)
        parts[order[: self.tests]] = TEST
        parts[order[self.tests : self.tests + self.validations]] = VALIDATION
        return parts

    def of(self, start: int, stop: int) -> np.ndarray:
        """TRAIN, VALIDATION or TEST for the rows from `start` up to (not with) `stop`."""
        if self._parts is not None:
            return self._parts[start:stop]
        place = permuted(np.arange(start, stop), self.rows, (self.seed, len("split")))
        parts = np.where(place < self.tests + self.validations, np.uint8(VALIDATION), np.uint8(TRAIN))
        return np.where(place < self.tests, np.uint8(TEST), parts)


def division(n: int, split: Split, given: bool = False) -> Division:
    """How n rows are divided: a fraction f > 0 is max(1, round(f n)) rows.

    With `given` (the source has its own test set) and `split.test == "given"`, none of the n is tested on.
    Raises UserError where fewer than 2 are left.
    """
    fraction = split.test if split.test != "given" else 0.0 if given else GIVEN_ELSE
    tests, validations = _count(n, fraction), _count(n, split.validation)
    left = n - tests - validations
    if left < 2:
        parts = f"{tests} to test on and {validations} to validate on"
        hint = "2 are needed at least: use more rows, or smaller fractions in data.split (0 for none)"
        text = f"of {n} row{'s' * (n != 1)}, with {parts}, {max(left, 0)} would be left to train on"
        raise UserError(Problem(text, None, hint, ("data", "split")))
    return Division(n, tests, validations, split.seed)


def divide(n: int, split: Split, given: bool = False) -> Indices:
    """The rows of each split, ascending: a permutation by PCG64(seed) is cut into test, validation and train.

    Above 2^24 rows the permutation is a keyed bijection, which needs no memory (`aecli.data.permutation`).
    """
    cut = division(n, split, given)
    parts = cut.of(0, n)
    train, validation, test = (np.flatnonzero(parts == part) for part in (TRAIN, VALIDATION, TEST))
    return Indices(train, validation if cut.validations else None, test if cut.tests else None)


def _count(n: int, fraction: float) -> int:
    return max(1, round(fraction * n)) if fraction > 0 else 0
