"""How near the reconstruction of the clean input comes, from the mean code: nothing is drawn."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Float

from aecli.data.statistics import Statistics
from aecli.evaluation.metric import Measured, Metric
from aecli.evaluation.moments import Moments, pieces
from aecli.training.stages import stages

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.model.forward import Weights
    from aecli.training.trained import Trained

LEFT_BEHIND = "training with labels came last, and changed the encoder without regard to x_hat"


@dataclass(frozen=True)
class Errors:
    """Of each example: squared error over its known numbers, how many those are, categories known and right."""

    squared: Float[np.ndarray, " n"]
    numbers: Float[np.ndarray, " n"]
    categories: Float[np.ndarray, " n"]
    right: Float[np.ndarray, " n"]


class Reconstruction:
    """squared_error, mse, psnr and explained_variance of x_hat = g(mean of b(f(x))), in the model's space.

    squared_error = sum_j (x_j - x_hat_j)^2, averaged over examples, and mse the same for each number;
    psnr = 10 log10(peak^2 / mse) of that mean; explained_variance = 1 - sum (x - x_hat)^2 / sum (x - mean)^2,
    mean the evaluated rows' own, feature by feature: NaN where x does not vary. psnr is infinite at mse = 0. Holes
    count nowhere. Categories have category_accuracy: the share of known ones that are the likeliest in the output.
    """

    def __init__(self, trained: Trained):
        self.trained, self.layout = trained, trained.layout
        self.squared = Moments("squared")
        self.columns = Statistics((0,) * len(self.layout.numeric))
        self.fewest, self.most = math.inf, 0.0  # known numbers of a row
        self.numbers = self.categories = self.right = 0.0  # whole numbers: their sums are exact

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        found = errors(self.trained, block.x)
        self.squared.add({"squared": found.squared})
        self.fewest = min(self.fewest, float(found.numbers.min()))
        self.most = max(self.most, float(found.numbers.max()))
        self.numbers += float(found.numbers.sum())
        self.categories += float(found.categories.sum())
        self.right += float(found.right.sum())
        if len(self.layout.numeric):
            flat = block.x.reshape(len(block.x), -1)
            for piece in pieces(flat[:, self.layout.numeric] if self.layout.mixed else flat):
                self.columns.add(piece)

    def result(self) -> Measured:
        """What can be said of numbers, and of categories."""
        metrics = self._of_numbers() if len(self.layout.numeric) else {}
        if self.layout.mixed:
            unit = "share of known categories that are the likeliest in the output"
            metrics["category_accuracy"] = Metric(_ratio(self.right, self.categories), unit)
        return Measured(metrics, [LEFT_BEHIND] if _left_behind(self.trained) else [])

    def _of_numbers(self) -> dict[str, Metric]:
        squared = self.squared.metric("squared", "squared error, sum over features, mean over examples")
        total, deviation = squared.value * self.squared.rows, float(self.columns.squares.sum())
        mse, (peak, peak_text) = self._mse(squared, total), self._peak()
        explained = 1 - total / deviation if deviation > 0 else math.nan
        return {
            "squared_error": squared,
            "mse": mse,
            "psnr": Metric(psnr(peak, mse.value), f"dB, {peak_text}"),
            "explained_variance": Metric(explained, "share of the evaluated rows' variance, sum over features"),
        }

    def _mse(self, squared: Metric, total: float) -> Metric:
        """Where rows are known in equally many numbers a mean over examples, with stderr; else over numbers."""
        if not 0 < self.fewest == self.most:
            return Metric(_ratio(total, self.numbers), "squared error per known number")
        stderr = None if squared.stderr is None else squared.stderr / self.most
        return Metric(squared.value / self.most, "squared error per feature, mean over examples", stderr)

    def _peak(self) -> tuple[float, str]:
        """1 for rows within [0, 1], else their range; and that in words."""
        low, high = float(self.columns.low.min()), float(self.columns.high.max())
        if low >= 0 and high <= 1:
            return 1.0, "peak 1"
        return high - low, f"peak {high - low:.6g}, the range of the evaluated x"


def _left_behind(trained: Trained) -> bool:
    """Whether these are weights of a training with labels."""
    if not trained.experiment.training.supervised:
        return False
    return trained.step > stages(trained.experiment, trained.program.steps_per_epoch)[-1].first


def errors(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> Errors:
    """The errors of each example; the reconstructions themselves are never all in memory."""
    import jax.numpy as jnp

    from aecli.model.sums import per_example

    layout = trained.layout
    category = np.zeros(layout.shape, bool)
    if layout.mixed:
        category[layout.categorical] = True

    def compared(weights: Weights, x: Any) -> tuple[Float[Array, " batch"], ...]:
        x_hat = trained.autoencoder.reconstruct(weights, x)
        if not layout.table:
            full = jnp.full(x.shape[0], float(math.prod(layout.shape)))
            return per_example(jnp.square(x - x_hat)), full, 0 * full, 0 * full
        known = ~jnp.isnan(x)
        squared = jnp.where(known & ~category, jnp.square(jnp.where(known, x, 0) - x_hat), 0)
        right = known & category & (x == x_hat)
        counted = (known & ~category, known & category, right)
        return (per_example(squared), *(per_example(c.astype(x.dtype)) for c in counted))

    return Errors(*(a.astype(np.float64) for a in trained.mapped("evaluation.errors", compared, x)))


def psnr(peak: float, mse: float) -> float:
    """10 log10(peak^2 / mse), dB: infinite at mse 0, NaN where x does not vary."""
    if peak == 0 or not math.isfinite(mse):
        return math.nan
    return 10 * math.log10(peak**2 / mse) if mse > 0 else math.inf


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else math.nan
