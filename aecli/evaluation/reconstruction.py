"""How near the reconstruction of the clean input comes, from the mean code: nothing is drawn."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Float

from aecli.evaluation.metric import Metric, mean_metric

if TYPE_CHECKING:
    from aecli.model.forward import Weights
    from aecli.training.trained import Trained

BLOCK = 4096  # rows whose float64 copies exist at one time


def reconstruction(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> dict[str, Metric]:
    """squared_error, mse, psnr and explained_variance of x_hat = g(mean of b(f(x))), in the model's space.

    squared_error = sum_j (x_j - x_hat_j)^2 and mse = squared_error / features, both averaged over examples;
    psnr = 10 log10(peak^2 / mse) of that mean; explained_variance = 1 - sum (x - x_hat)^2 / sum (x - mean)^2,
    mean the evaluated rows' own, feature by feature: NaN where x does not vary. psnr is infinite at mse = 0.
    """
    squared = squared_errors(trained, x).astype(np.float64)
    features = math.prod(x.shape[1:])
    mse = mean_metric(squared / features, "squared error per feature, mean over examples")
    low, high = float(x.min()), float(x.max())
    unit_range = low >= 0 and high <= 1
    peak = 1.0 if unit_range else high - low
    peak_text = "peak 1" if unit_range else f"peak {peak:.6g}, the range of the evaluated x"
    total = _squared_deviation(x)
    explained = 1 - float(squared.sum()) / total if total > 0 else math.nan
    return {
        "squared_error": mean_metric(squared, "squared error, sum over features, mean over examples"),
        "mse": mse,
        "psnr": Metric(_psnr(peak, mse.value), f"dB, {peak_text}"),
        "explained_variance": Metric(explained, "share of the evaluated rows' variance, sum over features"),
    }


def squared_errors(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> Float[np.ndarray, " n"]:
    """sum_j (x_j - x_hat_j)^2 of each example; the reconstructions themselves are never all in memory."""
    import jax.numpy as jnp

    from aecli.model.sums import per_example

    def squared(weights: Weights, x: Any) -> Float[Array, " batch"]:
        difference = x - trained.autoencoder.reconstruct(weights, x)
        return per_example(jnp.square(difference))

    return trained.mapped("evaluation.squared_errors", squared, x)


def _psnr(peak: float, mse: float) -> float:
    if peak == 0 or not math.isfinite(mse):
        return math.nan
    return 10 * math.log10(peak**2 / mse) if mse > 0 else math.inf


def _squared_deviation(x: Float[np.ndarray, " n *shape"]) -> float:
    """sum_ij (x_ij - mean_j)^2 in float64; exactly 0 where every row is the same."""
    mean = x.mean(axis=0, dtype=np.float64)
    blocks = (x[i : i + BLOCK] for i in range(0, len(x), BLOCK))
    return sum(float(np.square(block - mean).sum()) for block in blocks)
