"""Principal components of rows that are read a few thousand at a time, and the angles between two subspaces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from aecli.evaluation.sample import spread

if TYPE_CHECKING:
    from jaxtyping import Float, Float64

WIDE = 2000  # features from which on the covariance is not formed
CHUNK = 4096  # rows at a time
MOST = 2**28  # numbers that are decomposed at a time


class Principal(NamedTuple):
    """`mean`; `deviation`, 1 for a constant feature; `components`, orthonormal rows in order of variance.

    `exact`: they are of all rows, by the covariance's eigenvectors, and not by a randomised method of some.
    """

    mean: Float64[np.ndarray, " d"]
    deviation: Float64[np.ndarray, " d"]
    components: Float64[np.ndarray, " k d"]
    exact: bool


def residual(
    x: Float[np.ndarray, " rows d"], mean: Float64[np.ndarray, " d"], components: Float64[np.ndarray, " k d"]
) -> Float64[np.ndarray, " rows"]:
    """||(I - V'V)(x - mean)||^2, V the components: the error of the best linear autoencoder."""
    centred = x - mean
    return np.square(centred - (centred @ components.T) @ components).sum(axis=1)


def principal(
    rows: Float[np.ndarray, " rows *features"],
    k: int,
    seen: Callable[[np.ndarray], np.ndarray] = lambda rows: rows,
) -> Principal:
    """The first k principal components of `seen(rows)`, flattened, but at most features and rows - 1 of them.

    `rows` may lie on a disk: they are sliced, CHUNK at a time, and gone through twice.
    """
    n = len(rows)
    d = prod(seen(rows[:1]).shape[1:])
    mean, variance, gram = np.zeros(d), np.zeros(d), np.zeros((d, d) if d <= WIDE else (0, 0))
    low, high = np.full(d, np.inf), np.full(d, -np.inf)
    for flat in _flat(rows, seen):
        mean += flat.sum(axis=0, dtype=np.float64) / n
        low, high = np.minimum(low, flat.min(axis=0)), np.maximum(high, flat.max(axis=0))
    for flat in _flat(rows, seen):
        centred = flat - mean
        variance += np.square(centred).sum(axis=0) / n
        if d <= WIDE:
            gram += centred.T @ centred
    k = max(0, min(k, d, n - 1))
    deviation = np.where(high == low, 1.0, np.sqrt(variance))
    return Principal(mean, deviation, _components(rows, seen, gram, k, d), d <= WIDE)


def angles(one: Float[np.ndarray, " k d"], other: Float[np.ndarray, " m d"]) -> Float64[np.ndarray, " least"]:
    """The principal angles between the spans of the rows, in degrees, ascending (Jordan 1875; Bjorck & Golub 1973)."""
    from scipy.linalg import subspace_angles

    return np.degrees(subspace_angles(one.T, other.T))[::-1]


def _flat(rows: Any, seen: Callable[[np.ndarray], np.ndarray]) -> Iterator[Float[np.ndarray, " block d"]]:
    """A few thousand rows at a time, as they are seen: one-hot vectors of all of them would be large."""
    for start in range(0, len(rows), CHUNK):
        block = seen(rows[start : start + CHUNK])
        yield block.reshape(len(block), -1)


def _components(
    rows: Any, seen: Callable[[np.ndarray], np.ndarray], gram: Float64[np.ndarray, " d d"], k: int, d: int
) -> Float64[np.ndarray, " k d"]:
    """The first k principal components: from the covariance, or where it is large by a randomised SVD of some rows."""
    if k == 0:
        return np.zeros((0, d))
    if d <= WIDE:
        from scipy.linalg import eigh

        return np.ascontiguousarray(eigh(gram, subset_by_index=(d - k, d - 1))[1].T[::-1])
    from sklearn.decomposition import PCA

    some = np.concatenate(list(_flat(rows[spread(len(rows), max(k + 1, MOST // d))], seen)))
    found = PCA(k, svd_solver="randomized", random_state=0).fit(some)
    return np.asarray(found.components_, np.float64)
