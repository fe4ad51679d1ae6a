"""Densities over codes: what a prior is once its parameters are there. Nats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Key

from aecli.model.distributions import LOG_2PI


class Density(Protocol):
    """p(z). Log-densities and rates are per unit where units are independent, [..., size], and else one, [..., 1]."""

    @property
    def closed(self) -> bool:
        """Whether the rate is known in closed form."""
        ...

    def log_prob(self, z: Float[Array, "*batch size"]) -> Float[Array, "*batch groups"]:
        """log p(z)."""
        ...

    def sample(self, key: Key[Array, ""], count: int) -> Float[Array, "count size"]:
        """Independent draws."""
        ...

    def rate(self, posterior: Any, z: Float[Array, "*batch size"]) -> Float[Array, "*batch groups"]:
        """KL(q(z|x) || p(z)): in closed form, or estimated at z, a draw from q."""
        ...

    def moments(self) -> tuple[Float[Array, " size"], Float[Array, " size"]]:
        """Mean and variance of each unit."""
        ...


@dataclass(frozen=True)
class StandardNormal:
    """N(0, I)."""

    size: int
    closed = True

    def log_prob(self, z: Float[Array, "*batch size"]) -> Float[Array, "*batch size"]:
        """log N(z; 0, 1) per unit."""
        return -0.5 * (LOG_2PI + jnp.square(z))

    def sample(self, key: Key[Array, ""], count: int) -> Float[Array, "count size"]:
        """Independent draws."""
        return jax.random.normal(key, (count, self.size))

    def rate(self, posterior: Any, z: Float[Array, "*batch size"]) -> Float[Array, "*batch groups"]:
        """In closed form: z is not looked at."""
        return posterior.kl_to_standard()

    def moments(self) -> tuple[Float[Array, " size"], Float[Array, " size"]]:
        """Zeros and ones."""
        return jnp.zeros(self.size), jnp.ones(self.size)


@dataclass(frozen=True)
class Mixed:
    """sum_c w_c p_c(z): `logits` are log w_c but for a constant, `parts` Gaussians [components, size]."""

    logits: Float[Array, " components"]
    parts: Any
    closed = False

    def log_prob(self, z: Float[Array, "*batch size"]) -> Float[Array, "*batch 1"]:
        """log sum_c w_c p_c(z)."""
        each = jnp.sum(self.parts.log_prob(z[..., None, :]), axis=-1)
        return jax.nn.logsumexp(jax.nn.log_softmax(self.logits) + each, axis=-1, keepdims=True)

    def sample(self, key: Key[Array, ""], count: int) -> Float[Array, "count size"]:
        """A component, then a point of it."""
        which = jax.random.categorical(jax.random.fold_in(key, 0), self.logits, shape=(count,))
        return jax.tree.map(lambda a: a[which], self.parts).sample(jax.random.fold_in(key, 1))

    def rate(self, posterior: Any, z: Float[Array, "*batch size"]) -> Float[Array, "*batch 1"]:
        """log q(z|x) - log p(z), of which KL(q || p) is the mean over z ~ q."""
        return jnp.sum(posterior.log_prob(z), axis=-1, keepdims=True) - self.log_prob(z)

    def moments(self) -> tuple[Float[Array, " size"], Float[Array, " size"]]:
        """E z = sum_c w_c m_c and Var z = sum_c w_c (v_c + (m_c - E z)^2)."""
        weights, means = jax.nn.softmax(self.logits)[:, None], self.parts.mean
        mean = jnp.sum(weights * means, axis=0)
        return mean, jnp.sum(weights * (self.parts.variance + jnp.square(means - mean)), axis=0)
