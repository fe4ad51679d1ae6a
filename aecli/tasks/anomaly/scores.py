"""Scores of rows: higher is more anomalous, one number a row, the same whatever rows it is scored with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np

from aecli.config.problems import Problem, UserError, did_you_mean
from aecli.model.sums import per_example
from aecli.tasks.blocks import in_blocks
from aecli.training.keys import EVALUATION, stream_key

if TYPE_CHECKING:
    from jaxtyping import Array, Float, Float32, Float64

    from aecli.model.autoencoder import Autoencoder
    from aecli.training.trained import Trained

Kind = Literal["reconstruction", "likelihood", "latent_distance"]
DRAWS = 16  # of the code, for the likelihood
ROWS_AT_ONCE = 8192
ROWS = 64  # at a time there: DRAWS times as many are decoded


@dataclass(frozen=True)
class Latent:
    """Mean and precision (inverse shrunk covariance) of the training rows' codes."""

    mean: Float64[np.ndarray, " size"]
    precision: Float64[np.ndarray, " size size"]

    @classmethod
    def fit(cls, codes: Float[np.ndarray, " rows size"]) -> Latent:
        """The covariance is shrunk towards a multiple of the identity (Ledoit & Wolf 2004)."""
        from sklearn.covariance import LedoitWolf

        fitted = LedoitWolf().fit(codes.astype(np.float64))
        return cls(np.asarray(fitted.location_), np.asarray(fitted.precision_))

    def distance(self, codes: Float[np.ndarray, " rows size"]) -> Float32[np.ndarray, " rows"]:
        """sqrt((z - mean)' precision (z - mean)), Mahalanobis' distance."""

        def mahalanobis(z: np.ndarray) -> np.ndarray:
            centred = z - self.mean
            return np.sqrt(np.maximum(np.sum((centred @ self.precision) * centred, axis=1), 0))

        return in_blocks(mahalanobis, codes)


def check_kind(trained: Trained, kind: str) -> None:
    """UserError for a score that there is not, or that this model cannot give."""
    if kind not in get_args(Kind):
        raise UserError(Problem(f"no anomaly score is called '{kind}'", hint=did_you_mean(kind, get_args(Kind))))
    if kind == "likelihood" and not trained.model.bottleneck.stochastic:
        text = "the score 'likelihood' needs a stochastic bottleneck: this code has no density"
        raise UserError(Problem(text, hint="use reconstruction or latent_distance, or train bottleneck: gaussian"))


def row_scores(
    trained: Trained, kind: str, x: Float32[np.ndarray, " rows *features"], latent: Latent | None = None,
    usual: Float32[np.ndarray, " columns"] | None = None,
) -> Float32[np.ndarray, " rows"]:  # fmt: skip
    """The scores of rows in the model's space; what overflows to no number at all counts as infinitely
    anomalous.

    `usual` is what each column of a table is charged on average: so is a hole in it, or else the less were known of
    a row, the more normal it would seem (reconstruction alone; the other scores leave holes out).
    """
    if kind == "latent_distance":
        assert latent is not None
        scores = latent.distance(trained.encode(x))
    elif kind == "likelihood":
        scores = trained.mapped("anomaly_likelihood", lambda w, a: _likelihood(trained, w, a), x, batch=ROWS)
    else:
        scores = trained.mapped("anomaly_reconstruction", lambda w, a: _reconstruction(trained, w, a), x)
        if usual is not None and np.isnan(x).any():
            scores = scores + in_blocks(lambda block: np.where(np.isnan(block), usual, 0).sum(axis=1), x)
    return np.where(np.isnan(scores), np.float32(np.inf), scores)


def usual_losses(trained: Trained, x: Float32[np.ndarray, " rows columns"]) -> Float32[np.ndarray, " columns"] | None:
    """The mean loss of each column of a table over those of the rows that know it; None for images."""
    if not trained.layout.table:
        return None
    total, known = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    for start in range(0, len(x), ROWS_AT_ONCE):
        block = x[start : start + ROWS_AT_ONCE]
        total += trained.mapped("anomaly_columns", lambda w, a: _columns(trained, w, a), block).sum(0, np.float64)
        known += (~np.isnan(block)).sum(axis=0)
    return (total / np.maximum(known, 1)).astype(np.float32)


def _columns(trained: Trained, weights: Any, x: Float[Array, "batch columns"]) -> Float[Array, "batch columns"]:
    autoencoder = trained.autoencoder
    inside, _ = _within(autoencoder, x)
    return autoencoder.loss(inside, autoencoder.decode(weights, autoencoder.encode(weights, x).mean))


def _reconstruction(trained: Trained, weights: Any, x: Float[Array, " batch *features"]) -> Float[Array, " batch"]:
    """The reconstruction's own loss at the mean code, summed over features."""
    autoencoder = trained.autoencoder
    output = autoencoder.decode(weights, autoencoder.encode(weights, x).mean)
    inside, beyond = _within(autoencoder, x)
    return per_example(autoencoder.loss(inside, output)) + beyond


def _likelihood(trained: Trained, weights: Any, x: Float[Array, " batch *features"]) -> Float[Array, " batch"]:
    """-log 1/16 sum_k p(x | z_k) p(z_k) / q(z_k | x), z_k = mean + sd eps_k: minus a bound on log p(x), nats.

    The 16 eps are the same for every row (Burda et al. 2016 draws them anew).
    """
    autoencoder = trained.autoencoder
    bottleneck: Any = autoencoder.model.bottleneck
    posterior = autoencoder.encode(weights, x).posterior
    noise = jax.random.normal(stream_key(0, EVALUATION), (DRAWS, 1, bottleneck.size))
    z = posterior.at(noise)
    charge = jnp.sum(posterior.log_prob(z), axis=-1) - jnp.sum(autoencoder.prior(weights).log_prob(z), axis=-1)
    output = autoencoder.decode(weights, z.reshape(-1, bottleneck.size))
    inside, beyond = _within(autoencoder, x)
    log_prob = per_example(output.log_prob(jnp.tile(inside, (DRAWS, *[1] * (x.ndim - 1))))).reshape(charge.shape)
    return jnp.log(DRAWS) - jax.nn.logsumexp(log_prob - charge, axis=0) + beyond


def _within(
    autoencoder: Autoencoder, x: Float[Array, " batch *features"]
) -> tuple[Float[Array, " batch *features"], Float[Array, " batch"]]:
    """The nearest x that the reconstruction has a loss for, and the squared distance to it, which a score adds.

    A cross entropy of x outside [0, 1] falls without bound: the oddest rows would score as the most normal.
    """
    if not autoencoder.objective.reconstruction.binary:
        return x, jnp.zeros(x.shape[0])
    number = np.zeros(autoencoder.shape, bool).reshape(-1)
    number[autoencoder.layout.numeric] = True
    inside = jnp.where(number.reshape(autoencoder.shape), jnp.clip(x, 0, 1), x)
    return inside, per_example(jnp.nan_to_num(jnp.square(x - inside)))
