"""A normalizing flow of affine coupling layers: a density that is learned, exact, and drawn from in one pass."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from flax import nnx
from jaxtyping import Array, Float, Key

from aecli.model.distributions import LOG_2PI

LAYERS, WIDTH = 6, 64
BOUND = 2.0  # of log scales: a layer stretches by 7.4 at most


class Coupling(nnx.Module):
    """Half of the units are moved and scaled by what a network makes of the other half: (z_b - t(z_a)) exp(-s(z_a))."""

    def __init__(self, size: int, swapped: bool, key: Key[Array, ""]):
        rngs = nnx.Rngs(params=key)
        self.kept, self.swapped = (size + 1) // 2 if swapped else size // 2, swapped
        moved = size - self.kept
        self.first = nnx.Linear(self.kept, WIDTH, rngs=rngs)
        self.second = nnx.Linear(WIDTH, WIDTH, rngs=rngs)
        zeros = nnx.initializers.zeros_init()  # a flow begins as the identity
        self.last = nnx.Linear(WIDTH, 2 * moved, kernel_init=zeros, rngs=rngs)

    def _parts(self, z: Float[Array, "n size"]) -> tuple[Float[Array, "n kept"], Float[Array, "n moved"]]:
        moved = z.shape[-1] - self.kept
        return (z[:, moved:], z[:, :moved]) if self.swapped else (z[:, : self.kept], z[:, self.kept :])

    def _whole(self, a: Float[Array, "n kept"], b: Float[Array, "n moved"]) -> Float[Array, "n size"]:
        return jnp.concatenate([b, a] if self.swapped else [a, b], axis=-1)

    def _affine(self, a: Float[Array, "n kept"]) -> tuple[Float[Array, "n moved"], Float[Array, "n moved"]]:
        raw = self.last(nnx.relu(self.second(nnx.relu(self.first(a)))))
        s, t = jnp.split(raw, 2, axis=-1)
        return BOUND * jnp.tanh(s / BOUND), t

    def inward(self, z: Float[Array, "n size"]) -> tuple[Float[Array, "n size"], Float[Array, " n"]]:
        """Towards the base distribution, and log |det| of this step."""
        a, b = self._parts(z)
        s, t = self._affine(a)
        return self._whole(a, (b - t) * jnp.exp(-s)), -jnp.sum(s, axis=-1)

    def outward(self, u: Float[Array, "n size"]) -> Float[Array, "n size"]:
        """Back from it."""
        a, b = self._parts(u)
        s, t = self._affine(a)
        return self._whole(a, b * jnp.exp(s) + t)


class RealNVP(nnx.Module):
    """log p(z) = log N(u; 0, I) + log |det du/dz|, u = c_L(...c_1(z)), halves by turns (Dinh et al. 2017)."""

    def __init__(self, size: int, key: Key[Array, ""]):
        keys = jax.random.split(key, LAYERS)
        self.layers = nnx.List([Coupling(size, bool(i % 2), keys[i]) for i in range(LAYERS)])

    def log_prob(self, z: Float[Array, "n size"]) -> Float[Array, " n"]:
        """Nats."""
        total = jnp.zeros(len(z))
        for layer in self.layers:
            z, log_det = layer.inward(z)
            total = total + log_det
        return total - 0.5 * jnp.sum(jnp.square(z) + LOG_2PI, axis=-1)

    def of(self, u: Float[Array, "n size"]) -> Float[Array, "n size"]:
        """The z that belongs to standard normal u."""
        for layer in reversed(self.layers):
            u = layer.outward(u)
        return u
