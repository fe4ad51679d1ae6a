"""What every anomaly score is printed beside: the norm of the standardised row, and the residual of PCA."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from aecli.layout import Layout
from aecli.tasks.blocks import in_blocks
from aecli.tasks.codes import spread

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64

NAMES = ("z_norm", "pca_residual")
WIDE = 2000  # features from which on the covariance is not formed
CHUNK = 4096
MOST = 2**28  # numbers that are decomposed at a time


@dataclass(frozen=True)
class Baselines:
    """Fitted to training rows as the encoder sees them (`aecli.layout`), flattened. `components` are orthonormal rows.

    Holes are 0 with a flag, a category is one-hot.
    """

    mean: Float64[np.ndarray, " features"]
    deviation: Float64[np.ndarray, " features"]
    components: Float64[np.ndarray, " k features"]
    layout: Layout

    @classmethod
    def fit(cls, rows: Float32[np.ndarray, " rows *features"], size: int, layout: Layout | None = None) -> Baselines:
        """Mean, standard deviation (1 for a constant feature) and the first k principal components.

        k = `size`, but at most features - 1 and rows - 1: with all components nothing would be left over.
        """
        layout = layout or Layout(rows.shape[1:])
        n, d = len(rows), prod(layout.input_shape)
        mean, variance, gram = np.zeros(d), np.zeros(d), np.zeros((d, d) if d <= WIDE else (0, 0))
        low, high = np.full(d, np.inf), np.full(d, -np.inf)
        for flat in _flat(rows, layout):
            mean += flat.sum(axis=0, dtype=np.float64) / n
            low, high = np.minimum(low, flat.min(axis=0)), np.maximum(high, flat.max(axis=0))
        for flat in _flat(rows, layout):
            centred = flat - mean
            variance += np.square(centred).sum(axis=0) / n
            if d <= WIDE:
                gram += centred.T @ centred
        k = max(0, min(size, d - 1, n - 1))
        return cls(mean, np.where(high == low, 1.0, np.sqrt(variance)), _components(rows, layout, gram, k), layout)

    def z_norm(self, rows: Float[np.ndarray, " rows *features"]) -> Float32[np.ndarray, " rows"]:
        """||(x - mean) / sd||: what published "PCA" detectors with all components amount to."""
        return self._each(lambda x: np.linalg.norm((x - self.mean) / self.deviation, axis=1), rows)

    def pca_residual(self, rows: Float[np.ndarray, " rows *features"]) -> Float32[np.ndarray, " rows"]:
        """||(I - V'V)(x - mean)||^2, V the first k components: the error of the best linear
        autoencoder.
        """

        def residual(x: np.ndarray) -> np.ndarray:
            centred = x - self.mean
            return np.square(centred - (centred @ self.components.T) @ self.components).sum(axis=1)

        return self._each(residual, rows)

    def _each(
        self, function: Callable[[np.ndarray], np.ndarray], rows: Float[np.ndarray, " rows *features"]
    ) -> Float32[np.ndarray, " rows"]:
        """A function of rows as the encoder sees them, a few thousand at a time."""
        parts = (rows[start : start + CHUNK] for start in range(0, len(rows), CHUNK))
        found = [in_blocks(function, self.layout.inputs(part)) for part in parts]
        return np.concatenate(found) if found else np.zeros(0, np.float32)

    def scores(self, rows: Float[np.ndarray, " rows *features"]) -> dict[str, Float32[np.ndarray, " rows"]]:
        """Each baseline's score by name; higher is more anomalous."""
        return {"z_norm": self.z_norm(rows), "pca_residual": self.pca_residual(rows)}


def _flat(rows: Float32[np.ndarray, " rows *features"], layout: Layout) -> Iterator[Float[np.ndarray, " block d"]]:
    """Rows as the encoder sees them, a few thousand at a time: one-hot vectors of all of them would be large."""
    for start in range(0, len(rows), CHUNK):
        yield layout.inputs(rows[start : start + CHUNK]).reshape(-1, prod(layout.input_shape))


def _components(
    rows: Float32[np.ndarray, " rows *features"],
    layout: Layout,
    gram: Float64[np.ndarray, " features features"],
    k: int,
) -> Float64[np.ndarray, " k features"]:
    """The first k principal components: from the covariance, or where it is large by a randomised SVD of some rows."""
    d = prod(layout.input_shape)
    if k == 0:
        return np.zeros((0, d))
    if d <= WIDE:
        from scipy.linalg import eigh

        return np.ascontiguousarray(eigh(gram, subset_by_index=(d - k, d - 1))[1].T[::-1])
    from sklearn.decomposition import PCA

    some = rows[spread(len(rows), max(k + 1, MOST // d))]

    return np.asarray(
        PCA(k, svd_solver="randomized", random_state=0).fit(np.concatenate(list(_flat(some, layout)))).components_,
        np.float64,
    )
