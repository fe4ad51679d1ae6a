"""Whether neighbours stay neighbours: the code as a map of the rows, beside PCA of its size."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from aecli.evaluation.metric import Measured, Metric
from aecli.evaluation.principal import principal
from aecli.evaluation.sample import Sample

if TYPE_CHECKING:
    from jaxtyping import Float

    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

NEIGHBOURS = 12
MOST = 2_000  # rows looked at: distances of all pairs are held


class Manifold:
    """trustworthiness, continuity of the mean codes, and pca_trustworthiness, pca_continuity.

    trustworthiness = 1 - 2 / (n k (2n - 3k - 1)) sum_i sum_{j in U_i} (r(i, j) - k), U_i the k nearest neighbours of i
    among the codes that are none among the rows, r(i, j) their rank there; continuity is the same with rows and
    codes in each other's place: 1 where no neighbour is false, and where none is lost (Venna & Kaski 2001). Euclidean
    distances in the model's space, k = 12, of at most 2,000 rows, a fixed random sample. PCA is of the training rows,
    with as many components as the code has units. Of equal distances either may be the nearer, by chance: rows that
    are alike keep the four below 1. Left out with a note where rows have holes or categories, or all codes are equal.
    """

    def __init__(self, trained: Trained):
        self.trained = trained
        self.sample = Sample(MOST)
        self.why = "the rows have holes or categories" if trained.layout.unfolded else None
        self.rows = 0

    def add(self, block: Split, first: int) -> None:
        """The next rows: only those that may be in the sample are encoded."""
        if self.why is None and np.isnan(block.x).any():
            self.why = "the evaluated rows have holes"
        if self.why is not None:
            return
        self.rows += len(block)
        at = self.sample.candidates(first, len(block))
        if len(at):
            self.sample.add(first + at, x=block.x[at], codes=self.trained.encode(block.x[at]))

    def result(self) -> Measured:
        """The four, and a note where a sample was looked at."""
        if self.why is not None:
            return Measured({}, [f"manifold is left out: {self.why}"])
        taken = self.sample.taken()
        x, codes = taken["x"].reshape(len(taken["x"]), -1).astype(np.float64), taken["codes"].astype(np.float64)
        if len(x) <= 2 * NEIGHBOURS:
            return Measured({}, [f"manifold is left out: {len(x)} rows are too few for {NEIGHBOURS} neighbours"])
        if not np.isfinite(codes).all():
            return Measured({}, ["manifold is left out: some codes are not finite"])
        if np.ptp(codes, axis=0).max() == 0:
            return Measured({}, ["manifold is left out: all codes are equal"])
        order = np.random.default_rng(0).permutation(len(x))  # ties are broken by place: it must say nothing
        x, codes = x[order], codes[order]
        size = min(codes.shape[1], prod(self.trained.layout.shape))
        fitted = principal(self.trained.split("train")[1].x, size)
        flat = (x - fitted.mean) @ fitted.components.T
        metrics = {
            **_both("", "the codes", x, codes),
            **_both("pca_", f"{flat.shape[1]} principal components", x, flat),
        }
        notes = [f"manifold looks at {len(x)} of the {self.rows} rows, drawn at random"] if len(x) < self.rows else []
        return Measured(metrics, notes)


def _both(prefix: str, of: str, x: Float[np.ndarray, "n d"], codes: Float[np.ndarray, "n k"]) -> dict[str, Metric]:
    from sklearn.manifold import trustworthiness

    return {
        f"{prefix}trustworthiness": Metric(
            float(trustworthiness(x, codes, n_neighbors=NEIGHBOURS)), f"1 where no neighbour among {of} is false"
        ),
        f"{prefix}continuity": Metric(
            float(trustworthiness(codes, x, n_neighbors=NEIGHBOURS)), f"1 where no neighbour is lost among {of}"
        ),
    }
