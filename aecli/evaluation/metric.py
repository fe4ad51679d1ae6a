"""A metric: a number with its unit and, where it is a mean over examples, its standard error."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float


class Metric(NamedTuple):
    """`value` in `unit`; `stderr` is the standard error over examples, None where there is none."""

    value: float
    unit: str
    stderr: float | None = None


class Measured(NamedTuple):
    """What a group of metrics found, by name, and what a reader must know of it."""

    metrics: dict[str, Metric]
    notes: list[str]


def mean_metric(values: Float[np.ndarray, " examples"], unit: str) -> Metric:
    """The mean over examples, with stderr = sd / sqrt(n), sd with n - 1; None for a single example."""
    values = np.asarray(values, np.float64)
    stderr = float(values.std(ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
    return Metric(float(values.mean()), unit, stderr)


def share_metric(hits: int, count: int, unit: str) -> Metric:
    """A share p = hits / count of independent examples, with stderr = sqrt(p (1 - p) / count)."""
    p = hits / count
    return Metric(p, unit, math.sqrt(p * (1 - p) / count))
