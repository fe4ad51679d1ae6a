"""Curved surfaces and curves whose true coordinates are known: swiss roll, S curve, two spirals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from aecli.data.raw import Raw
from aecli.data.synthetic.streams import BLOCK, blocks, uniforms

if TYPE_CHECKING:
    from jaxtyping import Float64

NOISE = 0.02  # standard deviation of the spirals' noise, where their radius is 1


def swiss_roll(rows: int) -> Raw:
    """(t cos t, 21 v, t sin t): a sheet rolled up, t = 1.5 pi (1 + 2u), with u and v uniform on [0, 1).

    So x^2 + z^2 = t^2. The sheet's own coordinates are carried: t in radians, y in [0, 21). Source: Tenenbaum, de
    Silva and Langford, Science 290 (2000); the constants are scikit-learn's.
    """
    u = uniforms(rows, 2, 1)
    t, y = 1.5 * np.pi * (1 + 2 * u[:, 0]), 21 * u[:, 1]
    return _table("swiss-roll", {"x": t * np.cos(t), "y": y, "z": t * np.sin(t)}, {"t": t, "height": y})


def s_curve(rows: int) -> Raw:
    """(sin t, 2 v, sign(t) (cos t - 1)): a sheet bent to an S, t = 3 pi (u - 1/2), u and v uniform on [0, 1).

    Each half is a piece of the unit cylinder: x^2 + (z + sign t)^2 = 1. Carried: t in radians, height in [0, 2).
    """
    u = uniforms(rows, 2, 2)
    t, y = 3 * np.pi * (u[:, 0] - 0.5), 2 * u[:, 1]
    return _table("s-curve", {"x": np.sin(t), "y": y, "z": np.sign(t) * (np.cos(t) - 1)}, {"t": t, "height": y})


def spirals(rows: int) -> Raw:
    """r (cos a, sin a) + noise: two Archimedean arms, a = 3 pi r + pi arm, r = sqrt(u), labelled 0 and 1.

    u is uniform on [0, 1), which thins the arms out inwards; the noise is Gaussian with standard deviation 0.02 in
    each coordinate. Carried: r.
    """
    x, labels, radius = np.empty((rows, 2)), np.empty(rows, np.int64), np.empty(rows)
    for part, generator in blocks(rows, 3):
        arm, r = generator.integers(0, 2, BLOCK), np.sqrt(generator.random(BLOCK))
        points = _on_arm(arm, r) + NOISE * generator.standard_normal((BLOCK, 2))
        count = part.stop - part.start
        x[part], labels[part], radius[part] = points[:count], arm[:count], r[:count]
    return Raw(x, labels, columns=("x", "y"), file="spirals", carried={"r": radius})


def arms(points: int) -> Float64[np.ndarray, " points 2"]:
    """Points on the arms of `spirals`, without noise, evenly in r on each: half of them on either."""
    r = np.linspace(0, 1, points - points // 2)
    return np.concatenate([_on_arm(0, r), _on_arm(1, r[: points // 2])])


def _on_arm(arm: Any, r: np.ndarray) -> np.ndarray:
    angle = np.pi * (3 * r + arm)
    return np.stack([r * np.cos(angle), r * np.sin(angle)], 1)


def _table(name: str, columns: dict[str, np.ndarray], factors: dict[str, np.ndarray]) -> Raw:
    return Raw(np.stack(list(columns.values()), 1), columns=tuple(columns), file=name, carried=factors)
