"""Sprites: white shapes on black whose every factor is known, in the manner of dSprites."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.data.raw import PIXEL_RANGE, Raw
from aecli.data.synthetic.streams import BLOCK, blocks

if TYPE_CHECKING:
    from jaxtyping import Float64

SIZE = 32  # pixels of a side
SHAPES = ("ellipse", "heart", "square")
SIDE = 10.0  # pixels: every shape has the area (SIDE scale)^2
ROOM = (9.0, 23.0)  # pixels: where a centre may lie, so that nothing is cut off
SCALES, TURNS, PLACES = np.linspace(0.5, 1, 6), np.arange(40) * 2 * np.pi / 40, np.linspace(0, 1, 32)
HEART = 1 / np.sqrt(1 + np.pi / 4)  # side of the square within a heart of area 1


def sprites(rows: int) -> Raw:
    """uint8 [rows, 32, 32, 1]: an ellipse, heart or square of white on black, labelled by its shape.

    The factors are drawn independently, each uniform on dSprites' own grid: scale (6 values in [0.5, 1]),
    orientation (40 in [0, 2 pi), radians, counter-clockwise as seen), x and y of the centre (32 in [0, 1], y
    downwards; pixel coordinate 9 + 14 x). All shapes have the area (10 scale)^2 square pixels, and pixels on the
    edge are grey by their share of it. An ellipse looks alike at orientations pi apart, a square pi / 2 apart.
    Source: Matthey et al., dSprites (2017); drawn anew here.
    """
    x = np.empty((rows, SIZE, SIZE, 1), np.uint8)
    drawn = {name: np.empty(rows) for name in ("scale", "orientation", "x", "y")}
    labels = np.empty(rows, np.int64)
    for part, g in blocks(rows, 4):
        shape = g.integers(0, len(SHAPES), BLOCK)
        factors = [grid[g.integers(0, len(grid), BLOCK)] for grid in (SCALES, TURNS, PLACES, PLACES)]
        count = part.stop - part.start
        x[part] = np.rint(PIXEL_RANGE * pictures(shape, *factors))[:count, ..., None]
        labels[part] = shape[:count]
        for name, values in zip(drawn, factors, strict=True):
            drawn[name][part] = values[:count]
    names = np.array(SHAPES)[labels]
    return Raw(x, names, kind="image", divisor=PIXEL_RANGE, file="sprites", carried=drawn)


def pictures(
    shape: np.ndarray, scale: np.ndarray, orientation: np.ndarray, x: np.ndarray, y: np.ndarray
) -> Float64[np.ndarray, " n 32 32"]:
    """Each pixel's share of the shape in [0, 1]: 1/2 - d, cut to that, with d the distance to the edge in pixels."""
    low, high = ROOM
    centre = np.arange(SIZE) + 0.5
    across = (centre[None, None, :] - (low + (high - low) * x)[:, None, None]) + np.zeros((1, SIZE, 1))
    up = ((low + (high - low) * y)[:, None, None] - centre[None, :, None]) + np.zeros((1, 1, SIZE))
    cos, sin = np.cos(orientation)[:, None, None], np.sin(orientation)[:, None, None]
    u, v = cos * across + sin * up, -sin * across + cos * up
    side = (SIDE * scale)[:, None, None]
    distance = np.empty(u.shape)
    for number, far in enumerate((ellipse, heart, square)):
        chosen = shape == number
        distance[chosen] = far(u[chosen], v[chosen], side[chosen])
    return np.clip(0.5 - distance, 0, 1)


def square(u: np.ndarray, v: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Signed distance to an axis-parallel square of that side, exact; negative within."""
    a, b = np.abs(u) - side / 2, np.abs(v) - side / 2
    return np.hypot(np.maximum(a, 0), np.maximum(b, 0)) + np.minimum(np.maximum(a, b), 0)


def ellipse(u: np.ndarray, v: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Signed distance to an ellipse of area side^2, twice as long as high: f / |grad f|, right near the edge."""
    short = side / np.sqrt(2 * np.pi)
    long = 2 * short
    f = np.hypot(u / long, v / short)
    slope = np.hypot(u / long**2, v / short**2)
    return np.where(slope > 0, (f - 1) * f / np.where(slope > 0, slope, 1), -short)


def heart(u: np.ndarray, v: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Signed distance to a heart of area side^2: a square on its tip and a disc on each of its upper edges."""
    inner = HEART * side
    turned = (u + v) / np.sqrt(2), (v - u) / np.sqrt(2)
    lobes = np.minimum(np.hypot(turned[0] - inner / 2, turned[1]), np.hypot(turned[0], turned[1] - inner / 2))
    return np.minimum(square(*turned, inner), lobes - inner / 2)
