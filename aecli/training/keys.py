"""Randomness as a pure function of (seed, stream, index): nothing else in training draws."""

from __future__ import annotations

import jax
from jaxtyping import Array, Int, Key, UInt

INIT, ORDER, STEP, VALIDATION, EVALUATION, SAMPLING, EMBEDDING = range(7)


def stream_key(seed: UInt[Array, ""] | int, stream: int, index: Int[Array, ""] | int = 0) -> Key[Array, ""]:
    """The key of `stream` at `index` (a step, an epoch, a batch)."""
    return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), stream), index)
