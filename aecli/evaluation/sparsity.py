"""How many units speak of a row, how much of the rows is left unexplained, and which units never speak."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from aecli.evaluation.metric import Measured, Metric
from aecli.evaluation.moments import Moments
from aecli.evaluation.reconstruction import Reconstruction

if TYPE_CHECKING:
    from jaxtyping import Float64

    from aecli.data.dataset import Split
    from aecli.training.trained import Trained


class Sparsity:
    """l0, dead_units and hoyer, of the mean codes, and unexplained_variance, of what they leave.

    l0 = sum_j [|z_j| > 0], averaged over examples; dead_units: the share of units that are zero for every evaluated
    row; hoyer = (sqrt(m) - ||z||_1 / ||z||_2) / (sqrt(m) - 1) of m units, 1 where one unit speaks and 0 where all do
    alike (Hoyer 2004), averaged over examples; 0 where none of several speaks, and 1 of a single unit.
    unexplained_variance = sum (x - x_hat)^2 / sum (x - mean)^2, both sums over all evaluated rows, not row by row:
    1 - explained_variance of `reconstruction`.
    """

    def __init__(self, trained: Trained):
        self.trained = trained
        self.size = trained.model.bottleneck.size
        self.moments = Moments("l0", "hoyer")
        self.used = np.zeros(self.size, bool)
        self.finite = True
        self.reconstruction = Reconstruction(trained)

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        codes = self.trained.encode(block.x)
        self.finite = self.finite and bool(np.isfinite(codes).all())
        speaks = np.abs(codes) > 0
        self.used |= speaks.any(axis=0)
        self.moments.add({"l0": speaks.sum(axis=1).astype(np.float64), "hoyer": hoyer(codes.astype(np.float64))})
        self.reconstruction.add(block, first)

    def result(self) -> Measured:
        """The four (of rows without numbers three), or a note where codes are not finite."""
        if not self.finite:
            return Measured({}, ["sparsity is left out: some codes are not finite"])
        unit = f"units of {self.size} that are not zero, mean over examples"
        metrics = {
            "l0": self.moments.metric("l0", unit),
            "dead_units": Metric(float(1 - self.used.mean()), "share of units that are zero for every row"),
            "hoyer": self.moments.metric("hoyer", "1 where one unit speaks, 0 where all do alike; mean over examples"),
        }
        of_rows, notes = self.reconstruction.result()
        explained = of_rows.get("explained_variance")
        if explained is not None:
            unit = "share of the evaluated rows' variance that is left in x - x_hat, sum over features"
            metrics["unexplained_variance"] = Metric(1 - explained.value, unit)
        return Measured(metrics, notes)


def hoyer(codes: Float64[np.ndarray, " n size"]) -> Float64[np.ndarray, " n"]:
    """Hoyer's sparseness of each row; of one unit alone it is 1."""
    root = np.sqrt(codes.shape[1])
    if root == 1:
        return np.ones(len(codes))
    most = np.abs(codes).max(axis=1, keepdims=True)
    scaled = np.divide(np.abs(codes), most, out=np.ones(codes.shape), where=most > 0)
    ratio = scaled.sum(axis=1) / np.linalg.norm(scaled, axis=1)
    return (root - ratio) / (root - 1)
