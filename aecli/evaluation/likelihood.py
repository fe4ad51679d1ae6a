"""The negative log-likelihood of a stochastic bottleneck's model, by importance sampling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from aecli.evaluation.metric import Measured, Metric, mean_metric
from aecli.evaluation.noise import LIKELIHOOD, numbered, row_keys
from aecli.model.sums import per_example

if TYPE_CHECKING:
    from aecli.training.trained import Trained

ROWS = 64  # rows at a time
DRAWS = 50  # draws of each row at a time, at most
BLOCK = 8192  # rows looked at at one time
VALUES = 4_000_000  # decoder outputs that exist at one time, at most
LOW = 0.05  # the quantile of effective samples that is reported beside their mean


def likelihood(trained: Trained, x: Float[np.ndarray, " n *shape"], draws: int) -> Measured:
    """nll = -log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x), z_k ~ q(z|x), K = `draws`; nats (Burda et al. 2016).

    An upper bound in expectation, tight as K grows; how far to trust it is told by the effective sample size
    of each row, (sum_k w_k)^2 / sum_k w_k^2, of which the mean and the 5 % quantile are reported. Left out,
    with a note, where there is no density to speak of.
    """
    if why := no_likelihood(trained, x):
        return Measured({}, [f"nll is left out: {why}"])
    nll, effective = importance_sampled(trained, x, draws)
    of = f"of {draws} importance samples"
    metrics = {
        "nll": mean_metric(nll, f"nats, sum over features, mean over examples, {draws} importance samples"),
        "nll_effective_samples": mean_metric(effective, f"{of}, mean over examples"),
        "nll_effective_samples_low": Metric(float(np.quantile(effective, LOW)), f"{of}, 5 % quantile over examples"),
    }
    return Measured(metrics, [])


def no_likelihood(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> str | None:
    """Why p(x) cannot be had for these rows, or None."""
    bottleneck = trained.autoencoder.model.bottleneck
    if not bottleneck.stochastic:
        return f"a {bottleneck.kind} bottleneck is deterministic and has no p(z)"  # pyright: ignore
    if trained.autoencoder.objective.reconstruction.binary and not _binary(trained, x):
        return "a Bernoulli on grey pixels is no likelihood (data.binarize makes them 0 and 1)"
    return None


def _binary(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> bool:
    """Whether every known number is 0 or 1."""
    numeric = trained.autoencoder.layout.numeric
    blocks = (x[start : start + BLOCK].reshape(-1, math.prod(x.shape[1:])) for start in range(0, len(x), BLOCK))
    return all(_known(b[:, numeric]) for b in blocks)


def _known(values: Float[np.ndarray, " rows d"]) -> bool:
    return bool(np.isin(values[~np.isnan(values)], (0, 1)).all())


def importance_sampled(
    trained: Trained, x: Float[np.ndarray, " n *shape"], draws: int
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The nll (nats) and the effective sample size of each row.

    Each row's draws come from keys of (row number, draw number): independent between rows, so that the errors
    of rows average out (noise common to all rows would shift them together), and the first draws of a larger
    K are those of a smaller one. The number of draws is an argument of what is compiled.
    """
    seeds, rows = numbered(trained.experiment.seed, len(x))
    counts = np.full(len(x), draws, np.int32)
    arrays = (x, seeds, rows, counts)
    nll, effective = trained.mapped("evaluation.likelihood", _estimator(trained), *arrays, batch=ROWS)
    return nll.astype(np.float64), effective.astype(np.float64)


def _estimator(trained: Trained) -> Any:
    """The function of a batch -> nll [batch], effective sample size [batch], block by block of draws.

    Kept are the highest log weight m, sum w / e^m and sum w^2 / e^2m: memory does not grow with K, and sums of
    numbers near 1 lose no digits where log weights are large.
    """
    autoencoder = trained.autoencoder
    block = max(1, min(DRAWS, VALUES // (ROWS * math.prod(autoencoder.shape))))

    def estimate(weights: Any, x: Any, seeds: Any, rows: Any, counts: Any) -> tuple[Any, Any]:
        posterior, draws = autoencoder.encode(weights, x).posterior, counts[0]
        keys = row_keys(seeds, LIKELIHOOD, rows)

        def add(i: Any, sums: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
            numbers = i * block + jnp.arange(block)
            found = _log_weights(autoencoder, weights, x, posterior, keys, numbers)
            found = jnp.where(numbers < draws, found, -jnp.inf)
            highest = jnp.maximum(sums[0], jnp.max(found, axis=1))
            shrink, relative = jnp.exp(sums[0] - highest), jnp.exp(found - highest[:, None])
            total = sums[1] * shrink + jnp.sum(relative, axis=1)
            return highest, total, sums[2] * shrink**2 + jnp.sum(relative**2, axis=1)

        # A finite start: exp(-inf - -inf) is no number. No log weight of a float32 lies below it.
        lowest, nothing = jnp.full(x.shape[0], jnp.finfo(jnp.float32).min), jnp.zeros(x.shape[0])
        blocks = (draws + block - 1) // block
        highest, total, squares = jax.lax.fori_loop(0, blocks, add, (lowest, nothing, nothing))
        return jnp.log(draws.astype(jnp.float32)) - jnp.log(total) - highest, total**2 / squares

    return estimate


def _log_weights(
    autoencoder: Any,
    weights: Any,
    x: Any,
    posterior: Any,
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
    log_p = log_p + per_example(autoencoder.model.bottleneck.prior.log_prob(flat))
    return log_p.reshape(batch, draws) - log_q
