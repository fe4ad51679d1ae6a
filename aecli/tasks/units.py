"""Model space back to the data's own units, and rows in those units as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.tasks.output import columns_of

if TYPE_CHECKING:
    from jaxtyping import Float

    from aecli.data.features import Features

NARROW = 2.0**13  # |shift| / spread up to which float32 resolves a column to a thousandth of its spread


def in_units(features: Features, x: Float[np.ndarray, " rows *shape"]) -> Float[np.ndarray, " rows *shape"]:
    """Rows in the data's own units ([0, 1] for images), float32 unless that cannot resolve them.

    A column far from zero and narrow (a time stamp, a coordinate) needs float64: there float32 would lose
    more than the model did.
    """
    units = features.inverse(x)
    with np.errstate(over="ignore"):
        narrow = units.astype(np.float32)
    shift, spread = features.shift, features.spread
    far = shift is not None and spread is not None and bool((np.abs(shift) > NARROW * np.abs(spread)).any())
    return units if far or not np.isfinite(narrow).all() else narrow


def unit_columns(features: Features, units: Float[np.ndarray, " rows *shape"]) -> dict[str, np.ndarray]:
    """The columns of a CSV: a table's own names (x0, x1, ... where it has none), p0, p1, ... for images."""
    if features.columns:
        return dict(zip(features.columns, units.T, strict=True))
    return columns_of("p" if features.kind == "image" else "x", units)
