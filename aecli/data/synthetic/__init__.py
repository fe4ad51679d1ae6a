"""Sets that are made and not read: every true factor is known, and the same rows come every time."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aecli.config.problems import Place, Problem, UserError
from aecli.data.raw import Raw, Want
from aecli.data.synthetic import galaxies, manifolds, sprites

MOST = 10**6  # rows

# A set is a function here that makes so many rows, and a line with the number it has by itself.
SETS: dict[str, tuple[Callable[[int], Raw], int]] = {
    "swiss-roll": (manifolds.swiss_roll, 5_000),
    "s-curve": (manifolds.s_curve, 5_000),
    "spirals": (manifolds.spirals, 5_000),
    "sprites": (sprites.sprites, 10_000),
    "galaxies": (galaxies.galaxies, 10_000),
}
# Where the rows of a set lie but for noise: so many points, dense in it.
CURVES: dict[str, Callable[[int], np.ndarray]] = {"spirals": manifolds.arms}


def read(source: str, want: Want) -> Raw:
    """A synthetic set of `want.rows` rows; the first are the same whatever their number. Factors are carried."""
    make, rows = SETS[source]
    found = [word for word in ("label", "id", "key") if getattr(want, word) is not None]
    if want.strict and found:
        text = f"data.{found[0]} cannot be read here: {source} brings what it has with it"
        raise UserError(Problem(text, Place(source), f"leave data.{found[0]} out", ("data", found[0])))
    rows = want.rows or rows
    if rows > MOST:
        text = f"data.rows: {rows:,} rows of {source} are more than {MOST:,}"
        raise UserError(Problem(text, None, "make fewer", ("data", "rows")))
    return make(rows)
