"""Thresholds and p-values from the scores of held-out normal rows, whatever their distribution.

Where a normal row is exchangeable with the calibration rows, its p-value is at most r with probability at
most r (Vovk et al. 2005; Laxhammar & Falkman 2015). The calibration rows are the validation rows, which also chose
the best checkpoint: a choice among a few numbers, so exchangeability holds nearly, not exactly.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Float64


def rank(n: int, rate: float) -> int:
    """ceil((n + 1)(1 - rate)): which smallest of n calibration scores is the threshold; n + 1 where n is too
    small.

    Computed from the decimal that the rate is written as: 0.1 is a tenth.
    """
    return n + 1 - int((n + 1) * Fraction(repr(float(rate))))


def threshold(calibration: Float[np.ndarray, " n"], rate: float) -> float:
    """The smallest calibration score above which a normal row falls with probability at most `rate`.

    Where the rate needs more rows than n, the largest score; there that probability is at most 1 / (n + 1).
    """
    n = len(calibration)
    return float(np.sort(calibration)[min(rank(n, rate), n) - 1])


def p_values(scores: Float[np.ndarray, " rows"], calibration: Float[np.ndarray, " n"]) -> Float64[np.ndarray, " rows"]:
    """(1 + #{calibration scores >= s}) / (n + 1). At most `rate` exactly where s > threshold, if n suffices
    for it.
    """
    n = len(calibration)
    at_least = n - np.searchsorted(np.sort(calibration), scores, side="left")
    return (1 + at_least) / (n + 1)


def too_few(n: int, rate: float) -> str | None:
    """What to say where n calibration rows cannot support the rate."""
    if rank(n, rate) <= n:
        return None
    needed = ceil(1 / Fraction(repr(float(rate)))) - 1
    return (
        f"{n} held-out normal rows support a false-positive rate of {1 / (n + 1):.3g} or more, not {rate:g}: "
        f"the threshold is their largest score; {needed} rows are needed (data.split.validation)"
    )
