"""Histograms of a table's columns, data and samples over one another, as paths of a small SVG."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aecli.report.html.content import Columns
from aecli.report.html.numbers import digits
from aecli.report.style import limits

if TYPE_CHECKING:
    from jaxtyping import Float, Shaped

MOST, BINS, CATEGORIES, WIDTH, HEIGHT = 24, 30, 12, 200.0, 80.0
CLIP = 0.005  # of the data, cut off at either end of the axis


@dataclass(frozen=True)
class Marginal:
    """A column: SVG paths in a box of 200 x 80 (`drawn` is empty where nothing was drawn), and its ends."""

    name: str
    low: str
    high: str
    data: str
    drawn: str
    quality: str
    alt: str


def marginals(found: Columns) -> list[Marginal]:
    """The first 24 columns."""
    return [_marginal(found, j) for j in range(min(MOST, len(found.names)))]


def _marginal(found: Columns, j: int) -> Marginal:
    data = found.data[j]
    drawn = data[:0] if found.drawn is None else found.drawn[j]
    compared = _numbers if data.dtype.kind in "fM" else _categories
    heights, low, high, told = compared(data, drawn)
    top = max(float(h.max()) for h in heights) or 1.0
    before, after = (_path(h / top) if h.any() else "" for h in heights)
    return Marginal(str(found.names[j]), low, high, before, after, found.quality[j], f"{found.names[j]}: {told}")


def _numbers(
    data: Shaped[np.ndarray, " n"], drawn: Shaped[np.ndarray, " m"]
) -> tuple[list[Float[np.ndarray, " bins"]], str, str, str]:
    """Shares in 30 bins, the ends of the axis, and the means in words; of dates in days."""
    date = data.dtype.kind == "M"
    known, made = _finite(data), _finite(drawn)
    ends = known if len(known) else made
    low, high = np.quantile(ends, [CLIP, 1 - CLIP]).tolist() if len(ends) else (0.0, 1.0)
    low, high = limits(low, high, 0.02)
    edges = np.linspace(low, high, BINS + 1)
    heights = [np.histogram(values, edges)[0] / max(len(values), 1) for values in (known, made)]
    shown = _day if date else digits
    first, last = shown(low), shown(high)
    means = [shown(float(values.mean())) if len(values) else "unknown" for values in (known, made)]
    told = f"from {first} to {last}, mean {means[0]}" + (f", of samples {means[1]}" if len(made) else "")
    return heights, first, last, told


def _categories(
    data: Shaped[np.ndarray, " n"], drawn: Shaped[np.ndarray, " m"]
) -> tuple[list[Float[np.ndarray, " bins"]], str, str, str]:
    """Shares of the 12 most frequent categories, the first and the last of them, and the first in words."""
    counts, made = (Counter(str(value) for value in values.tolist()) for values in (data, drawn))
    names = [name for name, _ in counts.most_common(CATEGORIES)] or [""]
    heights = [np.array([c[name] for name in names]) / max(c.total(), 1) for c in (counts, made)]
    shares = f"{names[0] or '-'} is {100 * heights[0][0]:.3g} % of the rows"
    told = shares + (f", {100 * heights[1][0]:.3g} % of samples" if made else "")
    rest = f" (of {len(counts)})" if len(counts) > len(names) else ""
    return heights, names[0] or "-", (names[-1] or "-") + rest, told


def _path(heights: Float[np.ndarray, " bins"]) -> str:
    """A staircase from the left end of the base line to its right end."""
    step = WIDTH / len(heights)
    parts = [f"M0,{HEIGHT:g}"]
    for i, height in enumerate(heights):
        parts.append(f"V{HEIGHT - (HEIGHT - 3) * height:.1f}H{(i + 1) * step:.1f}")
    return "".join([*parts, f"V{HEIGHT:g}"])


def _finite(values: Shaped[np.ndarray, " n"]) -> Float[np.ndarray, " k"]:
    """The known values as numbers, dates as days since 1970."""
    if values.dtype.kind == "M":
        return values[~np.isnat(values)].astype("datetime64[s]").astype(np.float64) / 86_400
    values = np.asarray(values, np.float64)
    return values[np.isfinite(values)]


def _day(value: float) -> str:
    return str(np.datetime64(round(value), "D"))
