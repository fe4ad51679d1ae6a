"""How near the reconstruction of the clean input comes, from the mean code: nothing is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Array, Float

from aecli.evaluation.metric import Metric, mean_metric

if TYPE_CHECKING:
    from aecli.layout import Layout
    from aecli.model.forward import Weights
    from aecli.training.trained import Trained

VALUES = 2**22  # of x whose float64 copies exist at one time


@dataclass(frozen=True)
class Errors:
    """Of each example: squared error over its known numbers, how many those are, categories known and right."""

    squared: Float[np.ndarray, " n"]
    numbers: Float[np.ndarray, " n"]
    categories: Float[np.ndarray, " n"]
    right: Float[np.ndarray, " n"]


def reconstruction(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> dict[str, Metric]:
    """squared_error, mse, psnr and explained_variance of x_hat = g(mean of b(f(x))), in the model's space.

    squared_error = sum_j (x_j - x_hat_j)^2, averaged over examples, and mse the same for each number;
    psnr = 10 log10(peak^2 / mse) of that mean; explained_variance = 1 - sum (x - x_hat)^2 / sum (x - mean)^2,
    mean the evaluated rows' own, feature by feature: NaN where x does not vary. psnr is infinite at mse = 0. Holes
    count nowhere. Categories have category_accuracy: the share of known ones that are the likeliest in the output.
    """
    layout = trained.autoencoder.layout
    found = errors(trained, x)
    metrics: dict[str, Metric] = {}
    if len(layout.numeric):
        metrics = _of_numbers(found, x, layout)
    if layout.mixed:
        total = float(found.categories.sum())
        unit = "share of known categories that are the likeliest in the output"
        metrics["category_accuracy"] = Metric(float(found.right.sum()) / total if total else math.nan, unit)
    return metrics


def _of_numbers(found: Errors, x: Float[np.ndarray, " n *shape"], layout: Layout) -> dict[str, Metric]:
    each, total = found.numbers, float(found.numbers.sum())
    full = bool(each[0] > 0 and (each == each[:1]).all())
    unit = "squared error per feature, mean over examples" if full else "squared error per known number"
    if full:
        mse = mean_metric(found.squared / each, unit)
    else:
        mse = Metric(float(found.squared.sum()) / total if total else math.nan, unit)
    low, high, deviation = _spread(x, layout)
    unit_range = low >= 0 and high <= 1
    peak = 1.0 if unit_range else high - low
    peak_text = "peak 1" if unit_range else f"peak {peak:.6g}, the range of the evaluated x"
    explained = 1 - float(found.squared.sum()) / deviation if deviation > 0 else math.nan
    return {
        "squared_error": mean_metric(found.squared, "squared error, sum over features, mean over examples"),
        "mse": mse,
        "psnr": Metric(_psnr(peak, mse.value), f"dB, {peak_text}"),
        "explained_variance": Metric(explained, "share of the evaluated rows' variance, sum over features"),
    }


def errors(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> Errors:
    """The errors of each example; the reconstructions themselves are never all in memory."""
    import jax.numpy as jnp

    from aecli.model.sums import per_example

    layout = trained.autoencoder.layout
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


def squared_errors(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> Float[np.ndarray, " n"]:
    """sum_j (x_j - x_hat_j)^2 of each example, over known numbers."""
    return errors(trained, x).squared


def _psnr(peak: float, mse: float) -> float:
    if peak == 0 or not math.isfinite(mse):
        return math.nan
    return 10 * math.log10(peak**2 / mse) if mse > 0 else math.inf


def _spread(x: Float[np.ndarray, " n *shape"], layout: Layout) -> tuple[float, float, float]:
    """Minimum, maximum and sum_ij (x_ij - mean_j)^2 in float64 of known numbers; exactly 0 where no column varies."""
    total, count = 0.0, 0.0
    low, high = math.inf, -math.inf
    for u in _numbers(x, layout):
        total, count = total + np.nansum(u, axis=0), count + (~np.isnan(u)).sum(axis=0)
        if not np.isnan(u).all():
            low, high = min(low, float(np.nanmin(u))), max(high, float(np.nanmax(u)))
    mean = total / np.maximum(count, 1)
    return low, high, sum(float(np.nansum(np.square(u - mean))) for u in _numbers(x, layout))


def _numbers(x: Float[np.ndarray, " n *shape"], layout: Layout) -> Iterator[Float[np.ndarray, " block d"]]:
    """The numeric columns in blocks of rows, as float64."""
    rows = max(1, VALUES // math.prod(x.shape[1:]))
    for start in range(0, len(x), rows):
        block = x[start : start + rows].astype(np.float64).reshape(-1, math.prod(x.shape[1:]))
        yield block[:, layout.numeric] if layout.mixed else block
