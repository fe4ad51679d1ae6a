"""The evidence lower bound of a stochastic bottleneck and its two sides: weight 1, no free bits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float

from aecli.data.statistics import Statistics
from aecli.evaluation.metric import Metric, mean_metric
from aecli.evaluation.noise import BOUND, numbered, row_keys
from aecli.model.sums import per_example

if TYPE_CHECKING:
    from aecli.training.trained import Trained

BLOCK = 65_536  # rows at a time, a multiple of a batch
ACTIVE = 0.01  # the variance over examples above which a unit's mean is active (Burda et al. 2016, sec. 5.2)


def bound(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> dict[str, Metric]:
    """elbo = -(distortion + rate), distortion = -E_q log p(x|z), rate = KL(q(z|x) || p(z)), and active_units.

    The expectation is one draw for each row, by a key of the row's number. active_units counts the units
    whose mean code varies: Var_x(mu_j(x)) > 0.01 over the evaluated rows (Burda et al. 2016).
    """
    numbers = numbered(trained.experiment.seed, len(x))
    parts, codes = [], Statistics((0,) * trained.autoencoder.model.bottleneck.size)
    for start in range(0, len(x), BLOCK):  # the codes of all rows are never in memory
        at = slice(start, start + BLOCK)
        *sides, mean = trained.mapped("evaluation.bound", _sides(trained), x[at], *(n[at] for n in numbers))
        codes.add(np.asarray(mean, np.float64))
        parts.append(sides)
    distortion, rate = (np.concatenate(side).astype(np.float64) for side in zip(*parts, strict=True))
    active = int(np.sum(codes.deviation**2 > ACTIVE))
    return {
        "elbo": mean_metric(-(distortion + rate), "nats, mean over examples, one draw each"),
        "rate": mean_metric(rate, "nats, sum over units, mean over examples"),
        "distortion": mean_metric(distortion, "nats, sum over features, mean over examples, one draw each"),
        "active_units": Metric(active, f"units of {len(codes.cards)} whose mean varies by more than {ACTIVE}"),
    }


def _sides(trained: Trained) -> Any:
    """The function of a batch -> distortion [batch], rate [batch], mean code [batch, size]."""
    autoencoder = trained.autoencoder

    def sides(weights: Any, x: Any, seeds: Any, rows: Any) -> tuple[Any, Any, Any]:
        code = autoencoder.encode(weights, x)
        z = jax.vmap(lambda posterior, key: posterior.sample(key))(code.posterior, row_keys(seeds, BOUND, rows))
        distortion = -per_example(autoencoder.decode(weights, z).log_prob(x))
        return distortion, per_example(code.rate), code.mean

    return sides
