"""The k largest of each row's numbers, k an argument: no sort, whose compiled form on a CPU is slow."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt32

BITS = 32


def largest(h: Float[Array, "batch size"], k: Int[Array, ""]) -> Bool[Array, "batch size"]:
    """Exactly min(k, size) of each row: those of the largest value, of equals the first.

    The k-th largest is found bit by bit, from the top one down, among whole numbers in the order of the floats.
    """
    order = _ordered(h)
    k = jnp.clip(k, 0, h.shape[-1])

    def count(bar: UInt32[Array, "batch 1"]) -> Int[Array, "batch 1"]:
        return jnp.sum(order >= bar, axis=-1, keepdims=True, dtype=jnp.int32)

    def narrowed(i: Int[Array, ""], bar: UInt32[Array, "batch 1"]) -> UInt32[Array, "batch 1"]:
        higher = bar | (jnp.uint32(1) << (BITS - 1 - i).astype(jnp.uint32))
        return jnp.where(count(higher) >= k, higher, bar)

    bar = jax.lax.fori_loop(0, BITS, narrowed, jnp.zeros((*h.shape[:-1], 1), jnp.uint32))
    above, equal = order > bar, order == bar
    room = k - jnp.sum(above, axis=-1, keepdims=True, dtype=jnp.int32)
    return above | (equal & (jnp.cumsum(equal, axis=-1, dtype=jnp.int32) <= room))


def _ordered(h: Float[Array, "batch size"]) -> UInt32[Array, "batch size"]:
    """Whole numbers in the same order: an IEEE float's bits are, but for its sign."""
    bits = jax.lax.bitcast_convert_type(jnp.where(h == 0, 0.0, h).astype(jnp.float32), jnp.uint32)  # -0 is 0
    top = jnp.uint32(1 << (BITS - 1))
    return jnp.where(bits & top, ~bits, bits | top)
