"""Importance sampling of -log p(x) with the encoder's posterior as proposal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from aecli.evaluation.noise import LIKELIHOOD, numbered, row_keys
from aecli.model.sums import per_example

if TYPE_CHECKING:
    from aecli.training.trained import Trained

ROWS = 64  # rows at a time
DRAWS = 50  # draws of each row at a time, at most
VALUES = 4_000_000  # decoder outputs that exist at one time, at most
FEWER = (1, 50)  # numbers of draws of which the estimate is reported too


class Weighed(NamedTuple):
    """Of each row: -log 1/K sum_k w_k (nats) of the first 1, of the first 50 and of all K draws, the effective number
    of draws (sum_k w_k)^2 / sum_k w_k^2, and the mean of the log w_k.
    """

    nlls: Float[np.ndarray, "rows counts"]
    effective: Float[np.ndarray, " rows"]
    mean: Float[np.ndarray, " rows"]

    @property
    def nll(self) -> Float[np.ndarray, " rows"]:
        """Of all draws."""
        return self.nlls[:, -1]


def weighed(trained: Trained, x: Float[np.ndarray, " n *shape"], draws: int, first: int = 0) -> Weighed:
    """The estimates of rows from number `first` on.

    Each row's draws come from keys of (row number, draw number): independent between rows, so that the errors
    of rows average out (noise common to all rows would shift them together), and the first draws of a larger
    K are those of a smaller one. The number of draws is an argument of what is compiled.
    """
    seeds, rows = numbered(trained.experiment.seed, len(x), first)
    counts = np.tile(np.array([*(min(few, draws) for few in FEWER), draws], np.int32), (len(x), 1))
    arrays = (x, seeds, rows, counts)
    found = trained.mapped("evaluation.likelihood", _estimator(trained), *arrays, batch=ROWS)
    return Weighed(*(part.astype(np.float64) for part in found))


def _estimator(trained: Trained) -> Any:
    """The function of a batch -> the parts of `Weighed`, block by block of draws.

    Kept are the highest log weight m, sum w / e^m and sum w^2 / e^2m: memory does not grow with K, and sums of
    numbers near 1 lose no digits where log weights are large.
    """
    autoencoder = trained.autoencoder
    block = max(1, min(DRAWS, VALUES // (ROWS * math.prod(autoencoder.shape))))

    def estimate(weights: Any, x: Any, seeds: Any, rows: Any, counts: Any) -> tuple[Any, Any, Any]:
        posterior, limits = autoencoder.encode(weights, x).posterior, counts[0]
        prior, keys, draws = autoencoder.prior(weights), row_keys(seeds, LIKELIHOOD, rows), limits[-1]

        def add(i: Any, sums: tuple[Any, Any, Any, Any]) -> tuple[Any, Any, Any, Any]:
            numbers = i * block + jnp.arange(block)
            found = log_weights(autoencoder, weights, x, posterior, prior, keys, numbers)
            within = numbers < limits[:, None, None]
            each = jnp.where(within, found, -jnp.inf)  # [limits, batch, draws]
            highest = jnp.maximum(sums[0], jnp.max(each, axis=2))
            shrink, relative = jnp.exp(sums[0] - highest), jnp.exp(each - highest[..., None])
            total = sums[1] * shrink + jnp.sum(relative, axis=2)
            squares = sums[2] * shrink**2 + jnp.sum(relative**2, axis=2)
            return highest, total, squares, sums[3] + jnp.sum(jnp.where(within[-1], found, 0), axis=1)

        # A finite start: exp(-inf - -inf) is no number. No log weight of a float32 lies below it.
        nothing = jnp.zeros((len(limits), x.shape[0]))
        start = (nothing + jnp.finfo(jnp.float32).min, nothing, nothing, nothing[0])
        highest, total, squares, mean = jax.lax.fori_loop(0, (draws + block - 1) // block, add, start)
        nlls = jnp.log(limits.astype(jnp.float32))[:, None] - jnp.log(total) - highest
        return nlls.T, total[-1] ** 2 / squares[-1], mean / draws

    return estimate


def log_weights(
    autoencoder: Any,
    weights: Any,
    x: Any,
    posterior: Any,
    prior: Any,
    keys: Key[Array, " batch"],
    numbers: Int[Array, " draws"],
) -> Float[Array, "batch draws"]:
    """log p(x|z) + log p(z) - log q(z|x) for the draws of these numbers."""

    def drawn(q: Any, key: Any) -> tuple[Any, Any]:
        z = jax.vmap(lambda number: q.sample(jax.random.fold_in(key, number)))(numbers)
        return z, per_example(q.log_prob(z))

    z, log_q = jax.vmap(drawn)(posterior, keys)  # [batch, draws, size], [batch, draws]
    batch, draws, size = z.shape
    flat = z.reshape(batch * draws, size)
    repeated = jnp.repeat(x, draws, axis=0)
    log_p = per_example(autoencoder.decode(weights, flat).log_prob(repeated))
    log_p = log_p + per_example(prior.log_prob(flat))
    return log_p.reshape(batch, draws) - log_q
