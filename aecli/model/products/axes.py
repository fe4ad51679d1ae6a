"""Ways to correlate along one axis: y[p] = sum_j x[p + shift_j] w[j], as sums over windows around a product.

Each is a decomposition of the trilinear form sum_{p, j} x[p + shift_j] w[j] y[p] = sum_r x^[r] w^[r] y^[r], with x^, w^
and y^ linear: it serves the correlation, its transpose and the kernel's gradient alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np

from aecli.model.products.windows import Matrix, Windows

POINTS = (0, 1, -1, -2)  # and infinity: small, for rounding errors grow with their powers


@dataclass(frozen=True)
class Axis:
    """x^: sums over windows of x. `kernel`, `y`: of the taps and of windows of y; None where they stay as they are.

    Where they stay, x^'s sums are summed over in the product; else each is a product of its own.
    """

    x: Windows
    kernel: Matrix | None = None
    y: Windows | None = None

    @property
    def products(self) -> int:
        """How many."""
        return 1 if self.kernel is None else len(self.kernel)

    @property
    def terms(self) -> int:
        """Of each product's sum."""
        return len(self.x.matrix) if self.kernel is None else 1


def direct(shifts: list[int], output: int) -> Axis:
    """Each shift of x beside the others: the sum over taps is the product's."""
    reach = shifts[-1] + 1
    return Axis(Windows(tuple(tuple(float(place == shift) for place in range(reach)) for shift in shifts), 1, output))


def toom_cook(taps: int, output: int, tile: int) -> Axis:
    """`tile` outputs from tile + taps - 1 products, not tile * taps (Winograd, 1980; Lavin and Gray, 2016).

    Evaluating two polynomials at n points, multiplying, and interpolating is a convolution; its transpose by one
    argument is a correlation with the same number of products.
    """
    count = -(-output // tile)
    x, kernel, y = matrices(taps, tile)
    return Axis(Windows(x, tile, count), kernel, Windows(y, tile, count))


@cache
def matrices(taps: int, tile: int) -> tuple[Matrix, Matrix, Matrix]:
    """Of x [n, n], of the kernel [n, taps], of y [n, tile], with n = tile + taps - 1 points, infinity the last."""
    points = POINTS[: tile + taps - 2]
    size = len(points) + 1
    inverse = np.linalg.inv(_powers(points, size)).T
    exact = [[float(Fraction(value).limit_denominator(1000)) for value in row] for row in inverse]
    return _tuples(exact), _tuples(_powers(points, taps)), _tuples(_powers(points, tile))


def _powers(points: tuple[int, ...], degree: int) -> list[list[float]]:
    """[n, degree]: a polynomial's values at the points are this times its coefficients; at infinity, its last."""
    rows = [[float(point**power) for power in range(degree)] for point in points]
    return [*rows, [float(power == degree - 1) for power in range(degree)]]


def _tuples(matrix: list[list[float]]) -> Matrix:
    return tuple(map(tuple, matrix))
