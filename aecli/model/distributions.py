"""Distributions over x and z: log-densities, draws and divergences, in nats, elementwise (no sum over features)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

LOG_2PI = math.log(2 * math.pi)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Normal:
    """N(mean, exp(log_variance)), independent over features; `log_variance` broadcasts against `mean`."""

    mean: Float[Array, "..."]
    log_variance: Float[Array, "..."]

    @property
    def variance(self) -> Float[Array, "..."]:
        """exp(log_variance), per feature."""
        return jnp.exp(self.log_variance)

    def log_prob(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """-1/2 [log 2 pi + log var + (x - mean)^2 / var], per feature."""
        squared = jnp.square(x - self.mean) * jnp.exp(-self.log_variance)
        return -0.5 * (LOG_2PI + self.log_variance + squared)

    def sample(self, key: Key[Array, ""]) -> Float[Array, "..."]:
        """The reparameterised draw mean + sd * eps, eps ~ N(0, I) (Kingma & Welling 2014, sec. 2.4)."""
        return self.at(jax.random.normal(key, self.mean.shape, self.mean.dtype))

    def at(self, eps: Float[Array, "..."]) -> Float[Array, "..."]:
        """The value mean + sd * eps that belongs to the standard normal noise `eps`."""
        return self.mean + jnp.exp(0.5 * self.log_variance) * eps

    def kl_to_standard(self) -> Float[Array, "..."]:
        """KL(N(mean, var) || N(0, 1)) = 1/2 (mean^2 + var - 1 - log var), per feature."""
        variance_part = jnp.expm1(self.log_variance) - self.log_variance
        return 0.5 * (jnp.square(self.mean) + variance_part)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Bernoulli:
    """Bernoulli(sigmoid(logits)), independent over features."""

    logits: Float[Array, "..."]

    @property
    def mean(self) -> Float[Array, "..."]:
        """P(x = 1)."""
        return jax.nn.sigmoid(self.logits)

    def log_prob(self, x: Float[Array, "..."]) -> Float[Array, "..."]:
        """x log p + (1 - x) log(1 - p), per feature; for grey x the negative cross entropy, which is no density."""
        return x * self.logits - jax.nn.softplus(self.logits)

    def sample(self, key: Key[Array, ""]) -> Float[Array, "..."]:
        """Draws of 0 and 1."""
        return jax.random.bernoulli(key, self.mean).astype(self.logits.dtype)
