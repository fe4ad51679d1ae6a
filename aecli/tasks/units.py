"""Model space back to the data's own units, and rows in those units as columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.tasks.output import columns_of

if TYPE_CHECKING:
    from jaxtyping import Float

    from aecli.data.features import Features
    from aecli.data.raw import Field

LARGE = 1e35
NARROW = 2.0**13  # |shift| / spread up to which float32 resolves a column to a thousandth of its spread


def in_units(features: Features, x: Float[np.ndarray, " rows *shape"]) -> Float[np.ndarray, " rows *shape"]:
    """Rows in the data's own units ([0, 1] for images), float32 unless that cannot resolve them.

    A column far from zero and narrow (a time stamp, a coordinate) needs float64: there float32 would lose
    more than the model did. A column that no training row has a value of was never learned: it is all holes.
    """
    units = features.inverse(x)
    if (lost := _never_known(features)).any():
        units = np.where(lost, np.nan, units)
    return units if _far(features) else units.astype(np.float32)


def _never_known(features: Features) -> np.ndarray:
    """Which columns were holes in all training rows."""
    return np.array(features.profile.missing if features.profile else ()) == 1


def _far(features: Features) -> bool:
    """Whether float32 is too coarse, or too small, for the columns: a matter of the features, not of the rows."""
    shift, spread = features.shift, features.spread
    if shift is None or spread is None:
        return features.scale == "log1p" or max(abs(features.low), abs(features.high)) > LARGE
    return bool((np.abs(shift) > NARROW * np.abs(spread)).any() or (np.abs(shift) + np.abs(spread) > LARGE).any())


def unit_columns(features: Features, x: Float[np.ndarray, " rows *shape"]) -> dict[str, np.ndarray]:
    """Rows of the model's space as the columns of a table, in their own units.

    A table's own names (x0, x1, ... where it has none), p0, p1, ... for images. A category is text, a truth value a
    bool, a date a datetime64.
    """
    units = in_units(features, x)
    if features.fields:
        return {field.name: _typed(field, units[:, j]) for j, field in enumerate(features.fields)}
    if features.columns:
        return dict(zip(features.columns, units.T, strict=True))
    return columns_of("p" if features.kind == "image" else "x", units)


def _typed(field: Field, values: Float[np.ndarray, " rows"]) -> np.ndarray:
    """A column as what it is; a hole is an empty text, no date, NaN."""
    if field.kind == "numeric":
        return values
    hole = np.isnan(values)
    if field.kind == "date":
        return np.where(hole, np.datetime64("NaT", "s"), np.rint(np.where(hole, 0, values)).astype("datetime64[s]"))
    names = np.array(["", *field.values])  # an unknown category has no name
    if field.kind == "boolean" and not hole.any():
        return names[values.astype(np.int64)] == "true"
    return names[np.where(hole, 0, values).astype(np.int64)]
