"""Fitting features: from statistics of the training rows to shifts, spreads and categories."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from aecli.config.problems import Problem, UserError
from aecli.data.features import Features, Profile
from aecli.data.raw import Field, Raw
from aecli.data.spec import Scale
from aecli.data.statistics import Statistics, every, extremes, measured

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

MOST = 1000  # categories kept of a column, the most frequent; the others count as unknown
NOTHING = ""  # the one category of a column of which no training row says anything


def fit(source: Raw, training: Iterable[np.ndarray], scale: Scale, rows: int) -> Features:
    """Features of the training rows, given in blocks of any size; `source` (any block of it) says what they are.

    `rows` is the number of all rows of the source: of many, quantiles are taken of a part.
    """
    plain = Features(source.x.shape[1:], source.kind, source.columns, source.divisor, "none")
    cards = tuple(map(_card, source.fields or ())) or (0,) * prod(plain.shape)
    stride = every(rows, prod(plain.shape)) if scale == "robust" else 0
    if source.kind == "image" and source.x.dtype == np.uint8 and scale in ("auto", "none", "log1p"):
        found = extremes(training, prod(plain.shape), plain.units)
    else:
        found = measured(training, cards, stride, plain.units)
    numeric = np.array([not card for card in cards], bool)
    fields, rare, dropped = _kept(source.fields, found)
    low, high = _range(found, numeric)
    if scale == "auto":
        dates = any(f.kind == "date" for f in fields or ())
        scale = "none" if source.kind == "image" or (low >= 0 and high <= 1 and not dates) else "standard"
    constant = tuple(int(j) for j in np.flatnonzero(found.constant))
    plain = replace(plain, scale=scale, constant_columns=constant, low=low, high=high, fields=fields)
    if source.kind == "table":
        plain = replace(plain, profile=_profile(found, rare, dropped))
    if scale == "log1p":
        return replace(plain, low=float(np.log1p(max(low, 0))), high=float(np.log1p(max(high, 0))))
    if scale == "none":
        return plain
    shift, spread = _fitted(found, scale, numeric)
    spread = _safe(spread, shift, constant)
    ends = [(getattr(found, end) - shift) / spread for end in ("low", "high")]
    low, high = float(np.min(ends[0][numeric], initial=0.0)), float(np.max(ends[1][numeric], initial=0.0))
    return replace(plain, shift=shift, spread=spread, low=low, high=high)


def _card(field: Field) -> int:
    """How many values a category column may have; at least one, so that it is one; 0 for numbers."""
    return max(1, len(field.values)) if field.kind in ("categorical", "boolean") else 0


def _range(found: Statistics, numeric: Bool[np.ndarray, " d"]) -> tuple[float, float]:
    """Minimum and maximum of all numbers; 0 and 1 where there is none."""
    known = numeric & (found.known > 0)
    return (float(found.low[known].min()), float(found.high[known].max())) if known.any() else (0.0, 1.0)


def _kept(
    fields: tuple[Field, ...] | None, found: Statistics
) -> tuple[tuple[Field, ...] | None, tuple[int, ...], tuple[int, ...]]:
    """The fields with the categories that training rows have, how many cells the others fill, and their number."""
    none = (0,) * len(found.cards)
    if fields is None:
        return None, none, none
    kept, rare, dropped = [], [], []
    for j, field in enumerate(fields):
        if j not in found.counts:
            kept.append(field)
            rare.append(0)
            dropped.append(0)
            continue
        counts = found.counts[j]
        most = np.argsort(-counts, kind="stable")[:MOST]
        chosen = sorted(int(k) for k in most if counts[k])
        kept.append(replace(field, values=tuple(field.values[k] for k in chosen) or (NOTHING,)))
        rare.append(int(counts.sum() - counts[chosen].sum()))
        dropped.append(int((counts > 0).sum()) - len(chosen))
    return tuple(kept), tuple(rare), tuple(dropped)


def _profile(found: Statistics, rare: tuple[int, ...], dropped: tuple[int, ...]) -> Profile:
    missing = 1 - found.known / max(found.rows, 1)
    deviation = np.where(found.known > 0, found.deviation, 0.0)

    def finite(values: np.ndarray) -> tuple[float, ...]:
        return tuple(np.where(np.isfinite(values), values, 0.0).tolist())

    return Profile(found.rows, finite(missing), finite(found.mean), finite(deviation), rare, dropped)


def _fitted(found: Statistics, scale: Scale, numeric: Bool[np.ndarray, " d"]) -> tuple[np.ndarray, np.ndarray]:
    """(mean, standard deviation), (minimum, range) or (median, interquartile range) of every column.

    A category column, and one without any value, is left as it is.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        if scale == "standard":
            shift, spread = found.mean, found.deviation
        elif scale == "minmax":
            shift, spread = found.low, found.high - found.low
        else:
            low, shift, high = found.quantiles([25, 50, 75])
            spread = high - low
    used = numeric & (found.known > 0)
    shift, spread = np.where(used, shift, 0.0), np.where(used, spread, 1.0)
    wild = np.flatnonzero(~(np.isfinite(shift) & np.isfinite(spread)))
    if len(wild):
        message = f"data.scale: column {wild[0]} (from 0) is too large to compute its {scale} scale"
        raise UserError(Problem(message, None, "bring x to a smaller unit", ("data", "scale")))
    return shift, spread


def _safe(spread: Float[np.ndarray, " d"], shift: Float[np.ndarray, " d"], constant: tuple[int, ...]) -> np.ndarray:
    """1 in place of a spread that is nothing but rounding, or too small for float32 to tell: all or half alike."""
    least = np.maximum(10 * np.finfo(np.float64).eps * np.abs(shift), np.finfo(np.float32).tiny)
    safe = np.where(spread <= least, 1.0, spread)
    safe[list(constant)] = 1.0
    return safe
