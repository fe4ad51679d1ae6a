"""The negative log-likelihood of a stochastic bottleneck's model, by importance sampling."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Key

from aecli.evaluation.metric import Measured, Metric
from aecli.evaluation.moments import Moments
from aecli.evaluation.noise import LIKELIHOOD, numbered, row_keys
from aecli.evaluation.sample import Sample
from aecli.model.sums import per_example

if TYPE_CHECKING:
    from aecli.data.dataset import Split
    from aecli.training.trained import Trained

ROWS = 64  # rows at a time
DRAWS = 50  # draws of each row at a time, at most
VALUES = 4_000_000  # decoder outputs that exist at one time, at most
LOW = 0.05  # the quantile of effective samples that is reported beside their mean


class Likelihood:
    """nll = -log 1/K sum_k p(x|z_k) p(z_k) / q(z_k|x), z_k ~ q(z|x), K = `draws`; nats (Burda et al. 2016).

    An upper bound in expectation, tight as K grows; how far to trust it is told by the effective sample size
    of each row, (sum_k w_k)^2 / sum_k w_k^2, of which the mean and the 5 % quantile are reported. Left out,
    with a note, where there is no density to speak of.
    """

    def __init__(self, trained: Trained, draws: int):
        self.trained, self.draws = trained, draws
        self.why = _deterministic(trained)  # there is none, or None
        self.moments = Moments("nll", "effective")
        self.sample = Sample()  # of the effective sizes: a quantile would need all

    def add(self, block: Split, first: int) -> None:
        """The next rows."""
        self.why = self.why or _grey(self.trained, block.x)
        if self.why:
            return
        nll, effective = importance_sampled(self.trained, block.x, self.draws, first)
        self.moments.add({"nll": nll, "effective": effective})
        at = self.sample.candidates(first, len(nll))
        self.sample.add(first + at, effective=effective[at])

    def result(self) -> Measured:
        """The likelihood, or why there is none."""
        if self.why:
            return Measured({}, [f"nll is left out: {self.why}"])
        of, low = f"of {self.draws} importance samples", self.sample.taken()["effective"]
        over = f"{len(low)} of the examples" if len(low) < self.sample.rows else "examples"
        unit = f"nats, sum over features, mean over examples, {self.draws} importance samples"
        metrics = {
            "nll": self.moments.metric("nll", unit),
            "nll_effective_samples": self.moments.metric("effective", f"{of}, mean over examples"),
            "nll_effective_samples_low": Metric(float(np.quantile(low, LOW)), f"{of}, 5 % quantile over {over}"),
        }
        return Measured(metrics, [])


def _deterministic(trained: Trained) -> str | None:
    bottleneck = trained.model.bottleneck
    if bottleneck.stochastic:
        return None
    return f"a {bottleneck.kind} bottleneck is deterministic and has no p(z)"  # pyright: ignore


def _grey(trained: Trained, x: Float[np.ndarray, " n *shape"]) -> str | None:
    """Whether these rows have no probability: a Bernoulli's known numbers are 0 or 1."""
    if not trained.objective.reconstruction.binary:
        return None
    values = x.reshape(len(x), -1)[:, trained.layout.numeric]
    if np.isin(values[~np.isnan(values)], (0, 1)).all():
        return None
    return "a Bernoulli on grey pixels is no likelihood (data.binarize makes them 0 and 1)"


def importance_sampled(
    trained: Trained, x: Float[np.ndarray, " n *shape"], draws: int, first: int = 0
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """The nll (nats) and the effective sample size of each of the rows from number `first` on.

    Each row's draws come from keys of (row number, draw number): independent between rows, so that the errors
    of rows average out (noise common to all rows would shift them together), and the first draws of a larger
    K are those of a smaller one. The number of draws is an argument of what is compiled.
    """
    seeds, rows = numbered(trained.experiment.seed, len(x), first)
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
        prior = autoencoder.prior(weights)
        keys = row_keys(seeds, LIKELIHOOD, rows)

        def add(i: Any, sums: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
            numbers = i * block + jnp.arange(block)
            found = _log_weights(autoencoder, weights, x, posterior, prior, keys, numbers)
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
