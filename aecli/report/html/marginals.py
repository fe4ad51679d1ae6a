"""Histograms of a table's columns, data and samples over one another, as paths of a small SVG."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
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
    """A column: SVG paths in a box of 200 x 80 (`drawn` and `beside` are empty where nothing was), and its ends."""

    name: str
    low: str
    high: str
    data: str
    drawn: str
    beside: str
    quality: str
    alt: str


def marginals(found: Columns) -> list[Marginal]:
    """The first 24 columns."""
    return [_marginal(found, j) for j in range(min(MOST, len(found.names)))]


def _marginal(found: Columns, j: int) -> Marginal:
    data = found.data[j]
    made = [data[:0] if drawn is None else drawn[j] for drawn in (found.drawn, found.beside)]
    compared = _numbers if data.dtype.kind in "fM" else _categories
    heights, low, high, told = compared([data, *made], found.captions)
    top = max(float(h.max()) for h in heights) or 1.0
    known, drawn, beside = (_path(h / top) if h.any() else "" for h in heights)
    return Marginal(str(found.names[j]), low, high, known, drawn, beside, found.quality[j], f"{found.names[j]}: {told}")


def _numbers(
    columns: Sequence[Shaped[np.ndarray, " n"]], captions: Sequence[str]
) -> tuple[list[Float[np.ndarray, " bins"]], str, str, str]:
    """Shares in 30 bins of the data and of what is drawn, the ends of the axis, the means in words; dates in days."""
    date = columns[0].dtype.kind == "M"
    parts = [_finite(column) for column in columns]
    ends = next((part for part in parts if len(part)), parts[0])
    low, high = np.quantile(ends, [CLIP, 1 - CLIP]).tolist() if len(ends) else (0.0, 1.0)
    low, high = limits(low, high, 0.02)
    edges = np.linspace(low, high, BINS + 1)
    heights = [np.histogram(values, edges)[0] / max(len(values), 1) for values in parts]
    shown = _day if date else digits
    first, last = shown(low), shown(high)
    means = [shown(float(values.mean())) if len(values) else "unknown" for values in parts]
    drawn = [f", of {c} {m}" for c, m, part in zip(captions, means[1:], parts[1:], strict=False) if len(part)]
    return heights, first, last, f"from {first} to {last}, mean {means[0]}{''.join(drawn)}"


def _categories(
    columns: Sequence[Shaped[np.ndarray, " n"]], captions: Sequence[str]
) -> tuple[list[Float[np.ndarray, " bins"]], str, str, str]:
    """Shares of the 12 most frequent categories, the first and the last of them, and the first in words."""
    counts, *made = (Counter(str(value) for value in values.tolist()) for values in columns)
    names = [name for name, _ in counts.most_common(CATEGORIES)] or [""]
    heights = [np.array([c[name] for name in names]) / max(c.total(), 1) for c in (counts, *made)]
    told = f"{names[0] or '-'} is {100 * heights[0][0]:.3g} % of the rows" + "".join(
        f", {100 * h[0]:.3g} % of {c}" for c, h, m in zip(captions, heights[1:], made, strict=False) if m
    )
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
