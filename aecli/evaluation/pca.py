"""Beside PCA of the run's own training rows, of as many components as the code has units."""

from __future__ import annotations

from functools import cached_property
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from aecli.evaluation.metric import Measured, Metric
from aecli.evaluation.moments import Moments, pieces
from aecli.evaluation.principal import Principal, angles, principal, residual
from aecli.evaluation.reconstruction import errors
from aecli.evaluation.sample import spread

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

RANK = 1e-6  # of the largest deviation, or of the reconstructions' size: a direction of less is rounding


class Pca:
    """pca_squared_error, pca_error_ratio, largest_angle and mean_angle.

    pca_squared_error = sum_j (x_j - m_j - sum_i v_ij v_i'(x - m))^2, averaged over examples, m and v_1 .. v_k mean
    and principal components of the run's training rows, k the code's size; the ratio is the autoencoder's
    squared_error over it. Angles are those between the span of v_1 .. v_k and that of the k principal components
    of the reconstructions of the training rows: with a linear decoder, the decoder's own columns (Baldi & Hornik
    1989). Left out with a note where rows have holes or categories, or the code has as many units as rows features.
    """

    def __init__(self, trained: Trained):
        self.trained = trained
        self.size = trained.model.bottleneck.size
        self.moments = Moments("pca", "ours")
        self.why = self._why_not()

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        if self.why is None and np.isnan(block.x).any():
            self.why = "the evaluated rows have holes"
        if self.why is not None:
            return
        flat = block.x.reshape(len(block), -1)
        fitted = self.components
        left = np.concatenate([residual(piece, fitted.mean, fitted.components) for piece in pieces(flat)])
        self.moments.add({"pca": left, "ours": errors(self.trained, block.x).squared})

    def result(self) -> Measured:
        """The error beside the autoencoder's, and the angles."""
        if self.why is not None:
            return Measured({}, [f"pca is left out: {self.why}"])
        unit = f"squared error of PCA with {self.size} components of the training rows, mean over examples"
        error = self.moments.metric("pca", unit)
        ours = self.moments.mean("ours")
        metrics = {
            "pca_squared_error": error,
            "pca_error_ratio": Metric(ours / error.value if error.value else np.nan, "squared_error over PCA's"),
        }
        notes = [] if self.components.exact else ["pca is of a sample of the training rows, by a randomised method"]
        if not np.isfinite(ours):
            return Measured(metrics, [*notes, "the angles are left out: some reconstructions are not finite"])
        found, rank = self._angles()
        if rank < self.size:
            notes.append(f"the reconstructions span {rank} dimensions, fewer than the {self.size} of the code")
        metrics["largest_angle"] = Metric(float(found.max()), "degrees between PCA's and the reconstructions' subspace")
        metrics["mean_angle"] = Metric(float(found.mean()), "degrees, mean over the principal angles")
        return Measured(metrics, notes)

    @cached_property
    def components(self) -> Principal:
        """PCA of the training rows."""
        return principal(self._training(), self.size)

    def _training(self) -> np.ndarray:
        return self.trained.split("train")[1].x

    def _why_not(self) -> str | None:
        rows, features = self._training(), prod(self.trained.layout.shape)
        if self.trained.layout.unfolded or self.trained.layout.mixed:
            return "the rows have holes or categories"
        if self.size >= features:
            return f"a code of {self.size} units can hold all {features} features"
        return f"{len(rows)} training rows have no {self.size} components" if len(rows) <= self.size else None

    def _angles(self) -> tuple[np.ndarray, int]:
        """Degrees, and how many dimensions the reconstructions span; a missing one is at 90 degrees."""
        ours = principal(self._training(), self.size, self.trained.reconstruct)
        deviations, size = self._deviations(ours)
        rank = int(np.sum(deviations > RANK * max(deviations.max(), size, np.finfo(float).tiny)))
        found = angles(ours.components[:rank], self.components.components)
        return np.concatenate([found, np.full(self.size - rank, 90.0)]), rank

    def _deviations(self, ours: Principal) -> tuple[np.ndarray, float]:
        """Standard deviations along the components, and the root mean square of a reconstruction, of some rows."""
        training = self._training()
        some = self.trained.reconstruct(training[spread(len(training), 4096)]).reshape(-1, len(ours.mean))
        size = float(np.sqrt(np.mean(np.square(some, dtype=np.float64))))
        return ((some - ours.mean) @ ours.components.T).std(axis=0), size
