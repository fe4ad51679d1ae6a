"""The division of rows into train, validation and test: a pure function of their number and a seed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.data.spec import Split

if TYPE_CHECKING:
    from jaxtyping import Int

GIVEN_ELSE = 0.1  # the test fraction where `given` is asked for and the source has no test set of its own


@dataclass(frozen=True)
class Indices:
    """Row numbers from 0, ascending. `test` is None where there is none, or the source gives its own."""

    train: Int[np.ndarray, " train"]
    validation: Int[np.ndarray, " validation"] | None
    test: Int[np.ndarray, " test"] | None


def divide(n: int, split: Split, given: bool = False) -> Indices:
    """Divide n rows: a permutation by PCG64(seed) is cut into test, validation and train, each then sorted.

    A fraction f > 0 is max(1, round(f n)) rows. With `given` (the source has its own test set) and
    `split.test == "given"`, none of the n is tested on. Raises UserError where fewer than 2 are left.
    """
    fraction = split.test if split.test != "given" else 0.0 if given else GIVEN_ELSE
    tests, validations = _count(n, fraction), _count(n, split.validation)
    left = n - tests - validations
    if left < 2:
        parts = f"{tests} to test on and {validations} to validate on"
        hint = "2 are needed at least: use more rows, or smaller fractions in data.split (0 for none)"
        text = f"of {n} row{'s' * (n != 1)}, with {parts}, {max(left, 0)} would be left to train on"
        raise UserError(Problem(text, None, hint, ("data", "split")))
    order = np.random.Generator(np.random.PCG64(split.seed)).permutation(n)
    cut = np.split(order, [tests, tests + validations])
    test, validation, train = (np.sort(part) for part in cut)
    return Indices(train, validation if validations else None, test if tests else None)


def _count(n: int, fraction: float) -> int:
    return max(1, round(fraction * n)) if fraction > 0 else 0
