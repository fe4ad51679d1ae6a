"""Sums over features or units, example by example."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def per_example(values: Float[Array, " batch *rest"]) -> Float[Array, " batch"]:
    """The sum over all axes but the first.

    Written as a product with ones: fused with a reduction, XLA's CPU backend computes the logarithms before
    it one by one (decoder and log-density together take half the time this way); full precision, which a
    GPU's default is not.
    """
    flat = values.reshape(values.shape[0], -1)
    return jnp.dot(flat, jnp.ones(flat.shape[1], flat.dtype), precision=jax.lax.Precision.HIGHEST)
