"""Gaussians with full covariance, by their lower Cholesky factors; nats."""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from aecli.model.distributions import LOG_2PI, Normal

HIGHEST = jax.lax.Precision.HIGHEST  # a GPU's default is not float32


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class MultivariateNormal:
    """N(mean, F F'), F lower triangular with a positive diagonal. Units are not independent: a log-density is one
    number, [..., 1].
    """

    mean: Float[Array, "*batch size"]
    factor: Float[Array, "*batch size size"]

    @property
    def variance(self) -> Float[Array, "*batch size"]:
        """Of each unit: the diagonal of F F'."""
        return jnp.sum(jnp.square(self.factor), axis=-1)

    def log_prob(self, z: Float[Array, "*batch size"]) -> Float[Array, "*batch 1"]:
        """-1/2 [k log 2 pi + log det F F' + |F^-1 (z - mean)|^2]; z broadcasts against the mean."""
        inverse = solved(self.factor, jnp.broadcast_to(jnp.eye(self.size), self.factor.shape))
        white = jnp.einsum("...ij,...j->...i", inverse, z - self.mean, precision=HIGHEST)
        squared = jnp.sum(jnp.square(white), axis=-1) + self.size * LOG_2PI
        return (-0.5 * squared - _half_log_det(self.factor))[..., None]

    def sample(self, key: Key[Array, ""]) -> Float[Array, "*batch size"]:
        """The reparameterised draw mean + F eps, eps ~ N(0, I) (Kingma & Welling 2014, sec. 2.4)."""
        return self.at(jax.random.normal(key, self.mean.shape, self.mean.dtype))

    def at(self, eps: Float[Array, "*batch size"]) -> Float[Array, "*batch size"]:
        """The value mean + F eps that belongs to the standard normal noise `eps`."""
        return self.mean + jnp.einsum("...ij,...j->...i", self.factor, eps, precision=HIGHEST)

    def kl_to_standard(self) -> Float[Array, "*batch 1"]:
        """KL(N(mean, F F') || N(0, I)) = 1/2 (|F|^2 + |mean|^2 - k) - log det F."""
        return _divergence(self.factor, self.mean)[..., None]

    @property
    def size(self) -> int:
        """The number of units."""
        return self.mean.shape[-1]


def kl_gaussians(p: MultivariateNormal, q: MultivariateNormal) -> Float[Array, "*batch"]:
    """KL(p || q) between two multivariate Gaussians, nats, by their Cholesky factors: no inverse, no determinant.

    With covariances F F' and G G', m the means: 1/2 (|G^-1 F|^2 + |G^-1 (m_q - m_p)|^2 - k) + log det G - log det F,
    which is 1/2 (tr(S_q^-1 S_p) + (m_q - m_p)' S_q^-1 (m_q - m_p) - k + ln det S_q - ln det S_p).
    """
    return _divergence(solved(q.factor, p.factor), solved(q.factor, (q.mean - p.mean)[..., None])[..., 0])


def _divergence(factor: Float[Array, "*batch size size"], mean: Float[Array, "*batch size"]) -> Float[Array, "*batch"]:
    """KL(N(mean, M M') || N(0, I)): 1/2 sum of M_ij^2 below the diagonal, of M_ii^2 - 1 - log M_ii^2 on it, of mean^2.

    Every summand is 0 or more, so that small divergences keep their digits: |M|^2 - k would lose them.
    """
    logs = 2 * jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1))
    below = jnp.sum(jnp.square(jnp.tril(factor, -1)), axis=(-2, -1))
    return 0.5 * (below + jnp.sum(jnp.expm1(logs) - logs + jnp.square(mean), axis=-1))


def full(normal: Normal) -> MultivariateNormal:
    """Independent units written with a factor."""
    deviation = jnp.exp(0.5 * jnp.broadcast_to(normal.log_variance, normal.mean.shape))
    return MultivariateNormal(normal.mean, deviation[..., None] * jnp.eye(normal.mean.shape[-1]))


def lower(
    diagonal: Float[Array, "*batch size"], below: Float[Array, "*batch pairs"]
) -> Float[Array, "*batch size size"]:
    """The lower triangular matrix of this diagonal, and of `below` it, row by row."""
    size = diagonal.shape[-1]
    rows, columns = jnp.tril_indices(size, -1)
    empty = jnp.zeros((*diagonal.shape, size), diagonal.dtype)
    return empty.at[..., rows, columns].set(below) + diagonal[..., None] * jnp.eye(size)


def solved(
    factor: Float[Array, "*batch size size"], right: Float[Array, "*batch size columns"]
) -> Float[Array, "*batch size columns"]:
    """F^-1 B by forward substitution, row by row.

    Not by LAPACK: a kept program that calls it finds nothing there in a process that has not traced such a call, and
    for many small matrices it is no faster.
    """

    def row(i: Array, found: Array) -> Array:
        own, rest = factor[..., i, :], right[..., i, :]
        known = jnp.einsum("...j,...jc->...c", own, found, precision=HIGHEST)  # rows from the i-th on are 0 yet
        diagonal = jnp.take_along_axis(own, jnp.full((*own.shape[:-1], 1), i), axis=-1)
        return found.at[..., i, :].set((rest - known) / diagonal)

    return jax.lax.fori_loop(0, factor.shape[-1], row, jnp.zeros_like(right))


def _half_log_det(factor: Float[Array, "*batch size size"]) -> Float[Array, "*batch"]:
    """log det F, which is half that of F F'."""
    return jnp.sum(jnp.log(jnp.diagonal(factor, axis1=-2, axis2=-1)), axis=-1)
